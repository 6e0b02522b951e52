package dev.fettle.quantize.ggml;

import dev.fettle.quantize.GgmlType;
import java.lang.foreign.MemorySegment;

/// The definition: one weight at a time.
public final class ScalarGgmlKernels implements GgmlKernels {
  @Override
  public void quantize(GgmlType type, MemorySegment weights, long count, MemorySegment blocks) {
    float[] x = new float[type.blockSize()];
    for (long block = 0; block < count / type.blockSize(); block++) {
      for (int i = 0; i < x.length; i++) {
        x[i] = Bytes.f32(weights, 4 * (block * x.length + i));
      }
      MemorySegment y = blocks.asSlice(block * type.blockBytes(), type.blockBytes());
      switch (type) {
        case Q8_0 -> ScalarBlocks32.toQ8_0(x, y);
        case Q4_0 -> ScalarBlocks32.toQ4_0(x, y);
        case Q4_1 -> ScalarBlocks32.toQ4_1(x, y);
        case Q5_0 -> ScalarBlocks32.toQ5_0(x, y);
        case Q5_1 -> ScalarBlocks32.toQ5_1(x, y);
        case Q4_K -> ScalarBlocksK.toQ4_K(x, y);
        case Q5_K -> ScalarBlocksK.toQ5_K(x, y);
        case Q6_K -> ScalarBlocksK.toQ6_K(x, y);
      }
    }
  }

  @Override
  public void dequantize(GgmlType type, MemorySegment blocks, long count, MemorySegment weights) {
    float[] x = new float[type.blockSize()];
    for (long block = 0; block < count / type.blockSize(); block++) {
      MemorySegment y = blocks.asSlice(block * type.blockBytes(), type.blockBytes());
      switch (type) {
        case Q8_0 -> ScalarBlocks32.fromQ8_0(y, x);
        case Q4_0 -> ScalarBlocks32.fromQ4_0(y, x);
        case Q4_1 -> ScalarBlocks32.fromQ4_1(y, x);
        case Q5_0 -> ScalarBlocks32.fromQ5_0(y, x);
        case Q5_1 -> ScalarBlocks32.fromQ5_1(y, x);
        case Q4_K -> ScalarBlocksK.fromQ4_K(y, x);
        case Q5_K -> ScalarBlocksK.fromQ5_K(y, x);
        case Q6_K -> ScalarBlocksK.fromQ6_K(y, x);
      }
      for (int i = 0; i < x.length; i++) {
        Bytes.putF32(weights, 4 * (block * x.length + i), x[i]);
      }
    }
  }
}
