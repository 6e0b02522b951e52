package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.integer.IntegerKernels;
import dev.fettle.quantize.integer.IntegerKernels.ActivationRow;
import dev.fettle.quantize.integer.WeightFactors;
import dev.fettle.quantize.kernel.AffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// W8A8: 8-bit weights with a scale per output channel or one for all, and activations rounded to
/// at most 8 bits, either with a scale per row found while computing (dynamic), or with one scale
/// found by calibration (static). Zero points, on either side, are taken out of the integer sums.
///
/// The result is that of the dequantized operands up to the rounding of the last two products: the
/// sums themselves are exact.
public final class AffineIntegerLinear implements IntegerLinear {
  /// Activations of one thread at a time.
  private static final long GRAIN = 1L << 15;

  private final AffineGrid grid;
  private final @Nullable AffineParameters fixed;
  private final int shift;
  private final boolean needsSums;
  private final int columns;
  private final IntegerMatmul matmul;

  /// @param path of the layer, for messages
  /// @param weight of 8 bits, per output channel or per tensor
  /// @param grid what the activations are rounded to
  /// @param fixed scale and zero point of static quantization; null finds them for each row
  /// @throws UserException if the weight's format does not allow it
  public AffineIntegerLinear(
      String path, AffineTensor weight, AffineGrid grid, @Nullable AffineParameters fixed) {
    checkFormat(path, weight);
    this.grid = grid;
    this.fixed = fixed;
    this.shift = grid.signed() ? 0 : -128; // codes are signed bytes
    boolean activationZeros = !grid.signed() || !grid.symmetry().symmetric();
    this.needsSums = weight.zeroPoints() != null;
    this.columns = Math.toIntExact(weight.shape().dim(1));
    IntegerMatmul.checkColumns(path, columns, activationZeros || needsSums);
    MemorySegment codes = weight.codes();
    this.matmul = new IntegerMatmul(codes, factors(weight, activationZeros), 1);
  }

  private static void checkFormat(String path, AffineTensor weight) {
    Granularity granularity = weight.scheme().granularity();
    boolean perOutput =
        granularity instanceof Granularity.PerTensor
            || granularity.equals(new Granularity.PerChannel(0));
    if (weight.scheme().bits() != 8 || !perOutput) {
      throw new UserException(
          "Layer %s has quantized activations and a weight in %s; products on integers need 8-bit weights per channel or per tensor, such as int8:sym:channel."
              .formatted(path, weight.scheme()));
    }
  }

  private static WeightFactors factors(AffineTensor weight, boolean activationZeros) {
    int outputs = Math.toIntExact(weight.shape().dim(0));
    int columns = Math.toIntExact(weight.shape().dim(1));
    boolean shared = weight.scheme().granularity() instanceof Granularity.PerTensor;
    float[] scales = new float[outputs];
    int[] zeros = new int[weight.zeroPoints() == null ? 0 : outputs];
    int[] sums = new int[activationZeros ? outputs : 0];
    float[] one = new float[1];
    for (int output = 0; output < outputs; output++) {
      weight.readScales(shared ? 0 : output, one);
      scales[output] = one[0];
      if (zeros.length > 0) {
        weight.readZeros(shared ? 0 : output, one);
        zeros[output] = (int) one[0];
      }
      if (activationZeros) {
        MemorySegment row = weight.codes().asSlice((long) output * columns, columns);
        sums[output] = IntegerKernels.get().sum(row, columns);
      }
    }
    return new WeightFactors(columns, scales, zeros, sums);
  }

  @Override
  public Tensor apply(String path, Tensor x) {
    try (Scope scope = Scope.open()) {
      int rows = Math.toIntExact(x.size(0));
      Tensor input = x.contiguous();
      Tensor codes = Tensors.empty(DType.I8, rows, columns);
      ActivationRow[] quantized = new ActivationRow[rows];
      MemorySegment from = input.segment();
      MemorySegment to = codes.segment();
      long bytes = (long) columns * x.dtype().bytes();
      Parallel.forRange(
          rows,
          Math.max(1, GRAIN / Math.max(1, columns)),
          (first, last) -> {
            for (long row = first; row < last; row++) {
              quantized[(int) row] =
                  quantize(
                      path,
                      from.asSlice(row * bytes, bytes),
                      x.dtype(),
                      to.asSlice(row * columns, columns));
            }
          });
      return scope.keep(matmul.apply(codes, List.of(quantized), x.dtype()));
    }
  }

  /// One row: its range, scale and zero point, and codes.
  private ActivationRow quantize(String path, MemorySegment x, DType dtype, MemorySegment codes) {
    float[] min = {Float.POSITIVE_INFINITY};
    float[] max = {Float.NEGATIVE_INFINITY};
    AffineKernels.get().ranges(x, dtype, columns, columns, min, max);
    if (!(Math.abs(min[0]) <= Float.MAX_VALUE && Math.abs(max[0]) <= Float.MAX_VALUE)) {
      throw notFinite(path);
    }
    AffineParameters parameters = fixed == null ? grid.parameters(min[0], max[0]) : fixed;
    int zero = parameters.zeroPoint() + shift;
    AffineKernels.get()
        .quantize(
            x,
            dtype,
            columns,
            columns,
            new float[] {parameters.scale()},
            new float[] {zero},
            new AffineKernels.CodeRange(8, grid.qMin() + shift, grid.qMax() + shift),
            codes);
    int sum = needsSums ? IntegerKernels.get().sum(codes, columns) : 0;
    return new ActivationRow(parameters.scale(), zero, sum);
  }

  static UserException notFinite(String path) {
    return new UserException(
        "Layer %s gets an input that is not a finite number, which cannot be quantized; the model or its adapter is damaged."
            .formatted(path));
  }

  @Override
  public String toString() {
    return "W8A8 with activations in %s %s"
        .formatted(grid, fixed == null ? "per token" : Arrays.asList(fixed));
  }
}
