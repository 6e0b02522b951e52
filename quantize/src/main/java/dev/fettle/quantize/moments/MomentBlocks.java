package dev.fettle.quantize.moments;

import java.lang.foreign.MemorySegment;

/// Both moments of a run of parameters in blocks of {@link #BLOCK}: an index into the dynamic map
/// per parameter, one float32 scale per block. The last block may be short.
///
/// @param first indices into the signed dynamic map, one byte per parameter
/// @param firstAbsmax largest magnitude of each block of the first moment, float32
/// @param second indices into the unsigned dynamic map, one byte per parameter
/// @param secondAbsmax largest value of each block of the second moment, float32
public record MomentBlocks(
    MemorySegment first,
    MemorySegment firstAbsmax,
    MemorySegment second,
    MemorySegment secondAbsmax) {
  /// Parameters per block, as bitsandbytes has it.
  public static final int BLOCK = 256;

  /// Parameters with fewer elements than this keep float32 moments: bitsandbytes' `min_8bit_size`.
  public static final int MIN_8BIT_SIZE = 4096;

  /// Blocks that `count` parameters take.
  public static long blocks(long count) {
    return (count + BLOCK - 1) / BLOCK;
  }

  /// The moments of `count` parameters, starting with a block.
  public MomentBlocks slice(long fromBlock, long count) {
    long from = fromBlock * BLOCK;
    long scales = blocks(count) * Float.BYTES;
    return new MomentBlocks(
        first.asSlice(from, count),
        firstAbsmax.asSlice(fromBlock * Float.BYTES, scales),
        second.asSlice(from, count),
        secondAbsmax.asSlice(fromBlock * Float.BYTES, scales));
  }
}
