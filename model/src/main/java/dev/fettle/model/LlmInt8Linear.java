package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.LlmInt8Tensor;
import dev.fettle.quantize.integer.IntegerKernels;
import dev.fettle.quantize.integer.IntegerKernels.ActivationRow;
import dev.fettle.quantize.integer.WeightFactors;
import dev.fettle.quantize.kernel.QuantizeKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;

/// LLM.int8(): columns of the input in which some magnitude reaches the threshold are multiplied in
/// the compute dtype with the dequantized columns of the weight, all others as 8-bit integers with
/// one scale per row; Dettmers et al. 2022, arXiv:2208.07339, section 3.2.
///
/// As in bitsandbytes (`MatMul8bitLt`), activations are rounded to float16 first, a row's scale is
/// its largest magnitude below the threshold, and a threshold of 0 means no outliers.
public final class LlmInt8Linear implements IntegerLinear {
  /// bitsandbytes' `llm_int8_threshold`.
  public static final float DEFAULT_THRESHOLD = 6;

  /// 1/127² as bitsandbytes writes it.
  private static final float FACTOR = 6.200124e-05f;

  /// 1/127 as bitsandbytes writes it.
  private static final float STEP = 7.874015718698502e-3f;

  /// Activations of one thread at a time.
  private static final long GRAIN = 1L << 15;

  private final LlmInt8Tensor weight;
  private final float threshold;
  private final int columns;
  private final IntegerMatmul matmul;

  /// @param path of the layer, for messages
  /// @param threshold magnitude from which on a column is an outlier; 0 for none
  /// @throws dev.fettle.tensor.UserException if the weight has too many columns
  public LlmInt8Linear(String path, LlmInt8Tensor weight, float threshold) {
    this.weight = weight;
    this.threshold = threshold;
    this.columns = Math.toIntExact(weight.shape().dim(1));
    IntegerMatmul.checkColumns(path, columns, false);
    int[] none = {};
    float[] scales = weight.absmax().toArray(HostTensor.F32_LAYOUT);
    this.matmul =
        new IntegerMatmul(weight.codes(), new WeightFactors(columns, scales, none, none), FACTOR);
  }

  @Override
  public Tensor apply(String path, Tensor x) {
    try (Scope scope = Scope.open()) {
      Tensor input = x.contiguous();
      int[] outliers = threshold > 0 ? outliers(input) : new int[0];
      Tensor codes = Tensors.empty(DType.I8, x.size(0), columns);
      ActivationRow[] rows = new ActivationRow[Math.toIntExact(x.size(0))];
      MemorySegment from = input.segment();
      MemorySegment to = codes.segment();
      Parallel.forRange(
          rows.length,
          Math.max(1, GRAIN / Math.max(1, columns)),
          (first, last) -> quantize(path, from, x.dtype(), outliers, to, rows, first, last));
      Tensor y = matmul.apply(codes, List.of(rows), x.dtype());
      if (outliers.length > 0) {
        addOutliers(input, outliers, y);
      }
      return scope.keep(y);
    }
  }

  /// The columns with a magnitude of at least the threshold, ascending.
  private int[] outliers(Tensor x) {
    float[] maxima = new float[columns];
    MemorySegment from = x.segment();
    long bytes = (long) columns * x.dtype().bytes();
    Parallel.forRange(
        x.size(0),
        Math.max(1, GRAIN / Math.max(1, columns)),
        (first, last) -> {
          float[] part = new float[columns];
          for (long row = first; row < last; row++) {
            IntegerKernels.get().raiseMaxima(from.asSlice(row * bytes, bytes), x.dtype(), part);
          }
          synchronized (maxima) { // a maximum does not depend on the order
            for (int k = 0; k < columns; k++) {
              maxima[k] = Math.max(maxima[k], part[k]);
            }
          }
        });
    return IntStream.range(0, columns).filter(k -> isOutlier(maxima[k])).toArray();
  }

  private boolean isOutlier(float magnitude) {
    return Float.float16ToFloat(Float.floatToFloat16(magnitude)) >= threshold;
  }

  /// Rows `first` to `last`. Outliers count as zeros for the scale of their row; their whole
  /// columns get the code 0.
  private void quantize(
      String path,
      MemorySegment x,
      DType dtype,
      int[] outliers,
      MemorySegment codes,
      ActivationRow[] rows,
      long first,
      long last) {
    long bytes = (long) columns * dtype.bytes();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment copy = arena.allocate(bytes, 64);
      for (long row = first; row < last; row++) {
        MemorySegment source = x.asSlice(row * bytes, bytes);
        if (outliers.length > 0) {
          source = copy.copyFrom(source);
          clearOutliers(source, dtype, outliers);
        }
        MemorySegment target = codes.asSlice(row * columns, columns);
        float absmax = QuantizeKernels.get().quantizeInt8(source, dtype, columns, target);
        if (!(absmax <= Float.MAX_VALUE)) {
          throw AffineIntegerLinear.notFinite(path);
        }
        for (int k : outliers) {
          target.set(ValueLayout.JAVA_BYTE, k, (byte) 0);
        }
        rows[(int) row] = new ActivationRow(absmax, 0, 0);
      }
    }
  }

  private void clearOutliers(MemorySegment row, DType dtype, int[] outliers) {
    for (int k : outliers) {
      if (dtype == DType.F32) {
        float value = row.get(HostTensor.F32_LAYOUT, 4L * k);
        row.set(HostTensor.F32_LAYOUT, 4L * k, isOutlier(Math.abs(value)) ? 0 : value);
      } else {
        short bits = row.get(HostTensor.I16_LAYOUT, 2L * k);
        float value = Math.abs(dev.fettle.tensor.Casts.bf16ToFloat(bits));
        row.set(HostTensor.I16_LAYOUT, 2L * k, isOutlier(value) ? 0 : bits);
      }
    }
  }

  /// `y += x[:, outliers] · W[:, outliers]ᵀ`, in the dtype of `x`.
  private void addOutliers(Tensor x, int[] outliers, Tensor y) {
    long outputs = weight.shape().dim(0);
    long[] index = IntStream.of(outliers).asLongStream().toArray();
    Tensor columnsOfX = x.indexSelect(1, Tensors.ofLongs(index));
    Tensor columnsOfW = Tensors.empty(DType.F32, outputs, outliers.length);
    MemorySegment to = columnsOfW.segment();
    for (long output = 0; output < outputs; output++) {
      float absmax = weight.absmax().get(HostTensor.F32_LAYOUT, 4 * output);
      for (int i = 0; i < outliers.length; i++) {
        byte code = weight.codes().get(ValueLayout.JAVA_BYTE, output * columns + outliers[i]);
        to.set(HostTensor.F32_LAYOUT, 4 * (output * outliers.length + i), code * absmax * STEP);
      }
    }
    y.addmmInPlace(columnsOfX, columnsOfW.to(x.dtype()).t(), 1);
  }

  @Override
  public String toString() {
    return "LLM.int8 with outliers from " + threshold;
  }
}
