package dev.fettle.quantize.ggml;

import dev.fettle.quantize.GgmlType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

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
        case Q2_K -> ScalarBlocksLow.toQ2_K(x, null, y);
        case Q3_K -> ScalarBlocksLow.toQ3_K(x, null, y);
        case Q4_K -> ScalarBlocksK.toQ4_K(x, null, y);
        case Q5_K -> ScalarBlocksK.toQ5_K(x, null, y);
        case Q6_K -> ScalarBlocksK.toQ6_K(x, null, y);
        case IQ4_NL -> ScalarBlocksTable.toIq4Nl(x, null, y);
        case IQ4_XS -> ScalarBlocksTable.toIq4Xs(x, null, y);
        case MXFP4 -> ScalarBlocksTable.toMxfp4(x, y);
      }
    }
  }

  @Override
  public void quantizeRow(
      GgmlType type, MemorySegment weights, float[] importance, MemorySegment blocks) {
    float[] row = new float[importance.length];
    for (int i = 0; i < row.length; i++) {
      row[i] = Bytes.f32(weights, 4L * i);
    }
    float meanSquare = Importance.meanSquare(row);
    int size = type.blockSize();
    for (int block = 0; block < row.length / size; block++) {
      float[] x = Arrays.copyOfRange(row, block * size, (block + 1) * size);
      float[] weight = Arrays.copyOfRange(importance, block * size, (block + 1) * size);
      MemorySegment y = blocks.asSlice((long) block * type.blockBytes(), type.blockBytes());
      switch (type) {
        case Q8_0 -> ScalarBlocks32.toQ8_0(x, y);
        case MXFP4 -> ScalarBlocksTable.toMxfp4(x, y);
        case Q4_0 -> WeightedBlocks32.toQ4_0(x, weight, meanSquare, y);
        case Q4_1 -> WeightedBlocks32.toQ4_1(x, weight, meanSquare, y);
        case Q5_0 -> WeightedBlocks32.toQ5_0(x, weight, meanSquare, y);
        case Q5_1 -> WeightedBlocks32.toQ5_1(x, weight, meanSquare, y);
        case Q2_K -> ScalarBlocksLow.toQ2_K(x, weight, y);
        case Q3_K -> ScalarBlocksLow.toQ3_K(x, weight, y);
        case Q4_K -> ScalarBlocksK.toQ4_K(x, weight, y);
        case Q5_K -> ScalarBlocksK.toQ5_K(x, weight, y);
        case Q6_K -> ScalarBlocksK.toQ6_K(x, weight, y);
        case IQ4_NL -> ScalarBlocksTable.toIq4Nl(x, weight, y);
        case IQ4_XS -> ScalarBlocksTable.toIq4Xs(x, weight, y);
      }
    }
  }

  @Override
  public void dequantize(GgmlType type, MemorySegment blocks, long count, MemorySegment weights) {
    float[] x = new float[type.blockSize()];
    for (long block = 0; block < count / type.blockSize(); block++) {
      unpack(type, blocks.asSlice(block * type.blockBytes(), type.blockBytes()), x);
      for (int i = 0; i < x.length; i++) {
        Bytes.putF32(weights, 4 * (block * x.length + i), x[i]);
      }
    }
  }

  @Override
  public float dot(GgmlType type, MemorySegment blocks, int count, float[] x, int from) {
    float[] weights = new float[type.blockSize()];
    float sum = 0;
    for (int block = 0; block < count / weights.length; block++) {
      unpack(type, blocks.asSlice((long) block * type.blockBytes(), type.blockBytes()), weights);
      for (int i = 0; i < weights.length; i++) {
        sum += weights[i] * x[from + block * weights.length + i];
      }
    }
    return sum;
  }

  private static void unpack(GgmlType type, MemorySegment y, float[] x) {
    switch (type) {
      case Q8_0 -> ScalarBlocks32.fromQ8_0(y, x);
      case Q4_0 -> ScalarBlocks32.fromQ4_0(y, x);
      case Q4_1 -> ScalarBlocks32.fromQ4_1(y, x);
      case Q5_0 -> ScalarBlocks32.fromQ5_0(y, x);
      case Q5_1 -> ScalarBlocks32.fromQ5_1(y, x);
      case Q2_K -> ScalarBlocksLow.fromQ2_K(y, x);
      case Q3_K -> ScalarBlocksLow.fromQ3_K(y, x);
      case Q4_K -> ScalarBlocksK.fromQ4_K(y, x);
      case Q5_K -> ScalarBlocksK.fromQ5_K(y, x);
      case Q6_K -> ScalarBlocksK.fromQ6_K(y, x);
      case IQ4_NL -> ScalarBlocksTable.fromIq4Nl(y, x);
      case IQ4_XS -> ScalarBlocksTable.fromIq4Xs(y, x);
      case MXFP4 -> ScalarBlocksTable.fromMxfp4(y, x);
    }
  }
}
