package dev.fettle.quantize;

import dev.fettle.quantize.kernel.AffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Rounds a matrix to an integer grid: find the range of each run of weights that shares a scale,
/// then scale and zero point, then the nearest integer of each weight.
final class AffineQuantizer {
  private final String name;
  private final HostTensor weight;
  private final Scheme.Affine scheme;
  private final AffineGrid grid;
  private final int columns;
  private final int groupSize;
  private final long rowsPerScale;
  private final int scaleColumns;
  private final Shape scaleShape;

  /// @throws UserException if the weight is no matrix or the groups do not divide its rows
  AffineQuantizer(String name, HostTensor weight, Scheme.Affine scheme) {
    Quantizer.requireMatrix(name, weight.shape(), scheme);
    requireWholeGroups(name, weight.shape(), scheme);
    this.name = name;
    this.weight = weight;
    this.scheme = scheme;
    this.grid = scheme.grid();
    this.columns = Math.toIntExact(weight.shape().dim(1));
    this.groupSize = Math.toIntExact(scheme.granularity().columnsPerScale(columns));
    this.rowsPerScale = scheme.granularity().rowsPerScale(weight.shape().dim(0));
    this.scaleShape = scheme.granularity().scaleShape(weight.shape());
    this.scaleColumns = Math.toIntExact(scaleShape.dim(1));
  }

  static void requireWholeGroups(String name, Shape shape, Scheme.Affine scheme) {
    if (scheme.granularity() instanceof Granularity.PerGroup group
        && shape.dim(1) % group.size() != 0) {
      throw new UserException(
          "Tensor '%s' has rows of %d weights, which groups of %d do not divide; choose a group size that divides them, skip this layer with --skip-modules, or use int%d:%s:channel."
              .formatted(
                  name, shape.dim(1), group.size(), scheme.bits(), scheme.symmetry().text()));
    }
    if (scheme.granularity() instanceof Granularity.PerToken) {
      throw new UserException(
          "Scheme %s is for activations; a weight takes tensor, channel, group=N or block=RxC."
              .formatted(scheme));
    }
  }

  /// @param scaleDtype null for the dtype of the weight
  AffineTensor quantize(@Nullable DType scaleDtype, SegmentAllocator allocator) {
    DType stored = scaleDtype == null ? weight.dtype() : scaleDtype;
    HostTensor scales =
        new HostTensor(
            stored, scaleShape, allocator.allocate(scaleShape.elements() * stored.bytes(), 64));
    @Nullable HostTensor zeros =
        AffineTensor.hasZeroPoints(scheme)
            ? new HostTensor(DType.I8, scaleShape, allocator.allocate(scaleShape.elements(), 64))
            : null;
    chooseParameters(scales, zeros);
    MemorySegment codes =
        allocator.allocate(
            weight.shape().dim(0) * AffineTensor.rowBytes(weight.shape(), scheme), 64);
    AffineTensor tensor =
        new AffineTensor(weight.shape(), weight.dtype(), scheme, codes, scales, zeros);
    round(weight, tensor);
    return tensor;
  }

  private void chooseParameters(HostTensor scales, @Nullable HostTensor zeros) {
    int count = Math.toIntExact(scaleShape.elements());
    float[] min = new float[count];
    float[] max = new float[count];
    Arrays.fill(min, Float.POSITIVE_INFINITY);
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
    findRanges(min, max);
    for (int i = 0; i < count; i++) {
      if (!(Math.abs(min[i]) <= Float.MAX_VALUE && Math.abs(max[i]) <= Float.MAX_VALUE)) {
        long row = i / scaleColumns * rowsPerScale;
        throw Quantizer.notFinite(name, weight, row * columns, Float.MAX_VALUE);
      }
      AffineParameters parameters = grid.parameters(min[i], max[i]);
      ScaleRounding.requireFits(name, parameters.scale(), scales.dtype());
      float scale = ScaleRounding.store(scales, i, parameters.scale());
      if (zeros != null) {
        int zero = grid.rescaled(parameters, min[i], scale).zeroPoint();
        int offset = scheme.signed() ? 0 : 1 << (scheme.bits() - 1);
        zeros.data().set(ValueLayout.JAVA_BYTE, i, (byte) (zero - offset));
      }
    }
  }

  private void findRanges(float[] min, float[] max) {
    long rows = weight.shape().dim(0);
    long grain = QuantizedTensor.rowsPerPart(weight.shape());
    int rowBytes = columns * weight.dtype().bytes();
    Object lock = new Object();
    Parallel.forRange(
        rows,
        grain,
        (from, to) -> {
          float[] low = new float[scaleColumns];
          float[] high = new float[scaleColumns];
          long row = from;
          while (row < to) {
            long end = Math.min(to, (row / rowsPerScale + 1) * rowsPerScale);
            int scaleRow = Math.toIntExact(row / rowsPerScale);
            Arrays.fill(low, Float.POSITIVE_INFINITY);
            Arrays.fill(high, Float.NEGATIVE_INFINITY);
            for (; row < end; row++) {
              AffineKernels.get()
                  .ranges(
                      weight.data().asSlice(row * rowBytes, rowBytes),
                      weight.dtype(),
                      columns,
                      groupSize,
                      low,
                      high);
            }
            synchronized (lock) { // smallest and largest do not depend on the order
              merge(min, max, scaleRow * scaleColumns, low, high);
            }
          }
        });
  }

  private static void merge(float[] min, float[] max, int at, float[] low, float[] high) {
    for (int i = 0; i < low.length; i++) {
      min[at + i] = Math.min(min[at + i], low[i]);
      max[at + i] = Math.max(max[at + i], high[i]);
    }
  }

  /// Writes the codes of `weight` for the scales and zero points that `tensor` already has.
  static void round(HostTensor weight, AffineTensor tensor) {
    Scheme.Affine scheme = tensor.scheme();
    int columns = Math.toIntExact(weight.shape().dim(1));
    int groupSize = Math.toIntExact(scheme.granularity().columnsPerScale(columns));
    long rowsPerScale = scheme.granularity().rowsPerScale(weight.shape().dim(0));
    int scaleColumns = Math.toIntExact(tensor.scales().shape().dim(1));
    long rowBytes = AffineTensor.rowBytes(weight.shape(), scheme);
    int width = columns * weight.dtype().bytes();
    AffineKernels.CodeRange range = codeRange(scheme);
    HostTensor index = tensor.groupIndex();
    int[] groups = index == null ? null : GroupIndex.read(index);
    Parallel.forRange(
        weight.shape().dim(0),
        QuantizedTensor.rowsPerPart(weight.shape()),
        (from, to) -> {
          float[] scales = new float[scaleColumns];
          float[] zeros = new float[scaleColumns];
          long loaded = -1;
          for (long row = from; row < to; row++) {
            if (row / rowsPerScale != loaded) {
              loaded = row / rowsPerScale;
              tensor.readScales(loaded, scales);
              tensor.readZeros(loaded, zeros);
            }
            MemorySegment in = weight.data().asSlice(row * width, width);
            MemorySegment codes = tensor.codes().asSlice(row * rowBytes, rowBytes);
            AffineKernels kernels = AffineKernels.get();
            if (groups == null) {
              kernels.quantize(in, weight.dtype(), columns, groupSize, scales, zeros, range, codes);
            } else {
              kernels.quantize(in, weight.dtype(), groups, scales, zeros, range, codes);
            }
          }
        });
  }

  /// The codes in use, in the numbering of the stored codes.
  static AffineKernels.CodeRange codeRange(Scheme.Affine scheme) {
    AffineGrid grid = scheme.grid();
    int shift = scheme.bits() == 8 ? (scheme.signed() ? 0 : -128) : -grid.lowest();
    return new AffineKernels.CodeRange(scheme.bits(), grid.qMin() + shift, grid.qMax() + shift);
  }
}
