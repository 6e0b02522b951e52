package dev.fettle.quantize.ggml;

import static dev.fettle.quantize.ggml.Bytes.f16;
import static dev.fettle.quantize.ggml.Bytes.f32;
import static dev.fettle.quantize.ggml.Bytes.i8;
import static dev.fettle.quantize.ggml.Lanes.LANES;

import dev.fettle.quantize.GgmlType;
import java.lang.foreign.MemorySegment;

/// Numbers to the formats with blocks of 256, with the bytes of [ScalarBlocksK]: the search runs in
/// lanes, what happens once per sub-block does not.
final class VectorKQuantizer {
  private static final int N = 256;

  /// Blocks of eight sub-blocks that fill the lanes.
  private static final int BLOCKS = LANES / 8;

  private final KLanes lanes = new KLanes();
  private final float[] scales = new float[16];
  private final float[] mins = new float[16];
  private final int[] codes = new int[BLOCKS * N];
  private final float[] one = new float[32];
  private final KSearch.Fit fit = new KSearch.Fit();

  /// Converts as many blocks as fill the lanes, and returns how many weights those were.
  long quantize(GgmlType type, MemorySegment weights, long count, MemorySegment blocks) {
    return switch (type) {
      case Q4_K -> affine(type, KSearch.Grid.Q4_K, weights, count, blocks);
      case Q5_K -> affine(type, KSearch.Grid.Q5_K, weights, count, blocks);
      case Q6_K -> symmetric(type, weights, count, blocks);
      case Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q2_K, Q3_K, IQ4_NL, IQ4_XS, MXFP4 ->
          throw new IllegalArgumentException(type.text());
    };
  }

  private long affine(
      GgmlType type, KSearch.Grid grid, MemorySegment weights, long count, MemorySegment blocks) {
    long bound = count / (BLOCKS * N) * (BLOCKS * N);
    for (long start = 0; start < bound; start += BLOCKS * N) {
      spread(weights, start, 32);
      lanes.affine(grid);
      for (int block = 0; block < BLOCKS; block++) {
        MemorySegment y = block(type, blocks, start / N + block);
        ScalarBlocksK.storeAffine(lanes.scales, 8 * block, lanes.mins, y);
        for (int j = 0; j < 8; j++) {
          scales[8 * block + j] = f16(y, 0) * KScales.scale(y, 4, j);
          mins[8 * block + j] = f16(y, 2) * KScales.min(y, 4, j);
        }
      }
      lanes.affineCodes(scales, mins, grid.top());
      collect(32);
      for (int lane = 0; lane < LANES; lane++) {
        if (scales[lane] == 0) {
          copy(weights, start + 32L * lane, 32);
          KSearch.weighByMagnitude(one, 0, 32, fit);
          KSearch.affine(one, 0, 32, grid, fit);
          System.arraycopy(fit.codes, 0, codes, 32 * lane, 32);
        }
      }
      for (int block = 0; block < BLOCKS; block++) {
        MemorySegment y = block(type, blocks, start / N + block);
        if (type == GgmlType.Q4_K) {
          ScalarBlocksK.packQ4_K(codes, N * block, y);
        } else {
          ScalarBlocksK.packQ5_K(codes, N * block, y);
        }
      }
    }
    return bound;
  }

  private long symmetric(GgmlType type, MemorySegment weights, long count, MemorySegment blocks) {
    float[] fitted = new float[16];
    for (long start = 0; start < count; start += N) {
      for (int first = 0; first < 16; first += LANES) {
        spread(weights, start + 16L * first, 16);
        lanes.symmetric();
        System.arraycopy(lanes.scales, 0, fitted, first, LANES);
      }
      MemorySegment y = block(type, blocks, start / N);
      if (!ScalarBlocksK.storeSymmetric(fitted, y)) {
        continue;
      }
      int[] block = new int[N];
      for (int first = 0; first < 16; first += LANES) {
        for (int lane = 0; lane < LANES; lane++) {
          scales[lane] = f16(y, 208) * i8(y, 192 + first + lane);
        }
        spread(weights, start + 16L * first, 16);
        lanes.symmetricCodes(scales);
        collect(16);
        for (int lane = 0; lane < LANES; lane++) {
          if (scales[lane] == 0) {
            copy(weights, start + 16L * (first + lane), 16);
            KSearch.weighBySquare(one, 0, 16, fit);
            KSearch.symmetric(one, 0, 16, 32, fit);
            System.arraycopy(fit.codes, 0, codes, 16 * lane, 16);
          }
        }
        System.arraycopy(codes, 0, block, 16 * first, 16 * LANES);
      }
      ScalarBlocksK.packQ6_K(block, y);
    }
    return count;
  }

  private static MemorySegment block(GgmlType type, MemorySegment blocks, long index) {
    return blocks.asSlice(index * type.blockBytes(), type.blockBytes());
  }

  /// Puts sub-blocks of `n` weights into lanes.
  private void spread(MemorySegment weights, long start, int n) {
    for (int lane = 0; lane < LANES; lane++) {
      for (int i = 0; i < n; i++) {
        lanes.x[i * LANES + lane] = f32(weights, 4 * (start + (long) n * lane + i));
      }
    }
  }

  /// Takes the codes of sub-blocks of `n` out of the lanes.
  private void collect(int n) {
    for (int lane = 0; lane < LANES; lane++) {
      for (int i = 0; i < n; i++) {
        codes[n * lane + i] = (int) lanes.codes[i * LANES + lane];
      }
    }
  }

  private void copy(MemorySegment weights, long start, int n) {
    for (int i = 0; i < n; i++) {
      one[i] = f32(weights, 4 * (start + i));
    }
  }
}
