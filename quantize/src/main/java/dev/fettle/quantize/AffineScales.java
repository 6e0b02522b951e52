package dev.fettle.quantize;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The scales and zero points of a matrix while they are being chosen, for algorithms that do not
/// take them from the smallest and largest weight alone. They are what will be stored: each scale
/// is rounded to its dtype as soon as it is set, and the zero point follows the rounded scale.
///
/// Different entries may be set by different threads.
public final class AffineScales {
  private final String name;
  private final @Nullable HostTensor groupIndex;
  private final int @Nullable [] groups;
  private final Shape shape;
  private final DType originalDtype;
  private final Scheme.Affine scheme;
  private final AffineGrid grid;
  private final HostTensor scales;
  private final @Nullable HostTensor zeroPoints;
  private final int scaleColumns;
  private final long rowsPerScale;
  private final int columnsPerScale;
  private final AffineParameters[] parameters;

  /// Scales in the dtype of the weight, groups of neighbouring columns.
  public AffineScales(
      String name,
      Shape shape,
      DType originalDtype,
      Scheme.Affine scheme,
      SegmentAllocator allocator) {
    this(name, shape, originalDtype, null, scheme, null, allocator);
  }

  /// @param name the tensor, for messages
  /// @param shape of the weight, `[out, in]`
  /// @param originalDtype F32, F16 or BF16
  /// @param scaleDtype the same; null for the dtype of the weight
  /// @param groupIndex I32 `[in]`, see [AffineTensor]; null for groups of neighbouring columns
  /// @param allocator memory accessible from any thread
  /// @throws dev.fettle.tensor.UserException if the granularity does not fit the shape
  public AffineScales(
      String name,
      Shape shape,
      DType originalDtype,
      @Nullable DType scaleDtype,
      Scheme.Affine scheme,
      @Nullable HostTensor groupIndex,
      SegmentAllocator allocator) {
    Quantizer.requireMatrix(name, shape, scheme);
    AffineQuantizer.requireWholeGroups(name, shape, scheme);
    DType stored = scaleDtype == null ? originalDtype : scaleDtype;
    this.name = name;
    this.shape = shape;
    this.originalDtype = originalDtype;
    this.groupIndex = groupIndex;
    this.groups = groupIndex == null ? null : GroupIndex.read(groupIndex);
    this.scheme = scheme;
    this.grid = scheme.grid();
    Granularity granularity = scheme.granularity();
    Shape scaleShape = granularity.scaleShape(shape);
    int count = Math.toIntExact(scaleShape.elements());
    this.scaleColumns = Math.toIntExact(scaleShape.dim(1));
    this.rowsPerScale = granularity.rowsPerScale(shape.dim(0));
    this.columnsPerScale = Math.toIntExact(granularity.columnsPerScale(shape.dim(1)));
    this.scales =
        new HostTensor(stored, scaleShape, allocator.allocate(count * (long) stored.bytes(), 64));
    this.zeroPoints =
        AffineTensor.hasZeroPoints(scheme)
            ? new HostTensor(DType.I8, scaleShape, allocator.allocate(count, 64))
            : null;
    this.parameters = new AffineParameters[count];
  }

  /// A scale as it is read back after it was stored in `dtype`: F32, F16 or BF16.
  public static float storedScale(float scale, DType dtype) {
    return ScaleRounding.round(scale, dtype);
  }

  public Scheme.Affine scheme() {
    return scheme;
  }

  public AffineGrid grid() {
    return grid;
  }

  /// Rows of the matrix of scales.
  public int rows() {
    return Math.toIntExact(scales.shape().dim(0));
  }

  /// Columns of the matrix of scales.
  public int columns() {
    return scaleColumns;
  }

  /// Rows of the weight that share a row of scales; the last may be fewer.
  public long rowsPerScale() {
    return rowsPerScale;
  }

  /// Columns of the weight that share a scale; the last may be fewer.
  public int columnsPerScale() {
    return columnsPerScale;
  }

  /// The scale's index, for [#set] and [#get], of one weight.
  public int index(long row, long column) {
    long group = groups == null ? column / columnsPerScale : groups[(int) column];
    return Math.toIntExact(row / rowsPerScale * scaleColumns + group);
  }

  /// Lays the grid over the range from `min` to `max`.
  ///
  /// @param min finite, at most `max`
  /// @return the parameters as they will be stored
  public AffineParameters set(int index, float min, float max) {
    AffineParameters ideal = grid.parameters(min, max);
    ScaleRounding.requireFits(name, ideal.scale(), scales.dtype());
    float scale = ScaleRounding.store(scales, index, ideal.scale());
    AffineParameters stored = grid.rescaled(ideal, min, scale);
    if (zeroPoints != null) {
      int offset = scheme.signed() ? 0 : 1 << (scheme.bits() - 1);
      zeroPoints.data().set(ValueLayout.JAVA_BYTE, index, (byte) (stored.zeroPoint() - offset));
    }
    parameters[index] = stored;
    return stored;
  }

  /// Sets every scale from the smallest and largest of its weights, as round to nearest does.
  ///
  /// @param weight F32 `[out, in]`, finite
  public void fit(HostTensor weight) {
    float[] ranges = ranges(weight);
    int count = parameters.length;
    for (int i = 0; i < count; i++) {
      set(i, ranges[i], ranges[count + i]);
    }
  }

  /// The smallest and largest weight that each scale has to cover: first all smallest, then all
  /// largest.
  ///
  /// @param weight F32 `[out, in]`
  public float[] ranges(HostTensor weight) {
    int count = parameters.length;
    float[] ranges = new float[2 * count];
    Arrays.fill(ranges, 0, count, Float.POSITIVE_INFINITY);
    Arrays.fill(ranges, count, 2 * count, Float.NEGATIVE_INFINITY);
    long columns = shape.dim(1);
    for (long row = 0; row < shape.dim(0); row++) {
      for (long column = 0; column < columns; column++) {
        float value = weight.data().get(HostTensor.F32_LAYOUT, 4 * (row * columns + column));
        int at = index(row, column);
        ranges[at] = Math.min(ranges[at], value);
        ranges[count + at] = Math.max(ranges[count + at], value);
      }
    }
    return ranges;
  }

  /// The parameters that were set.
  ///
  /// @throws IllegalStateException if none were
  public AffineParameters get(int index) {
    AffineParameters found = parameters[index];
    if (found == null) {
      throw new IllegalStateException("scale " + index + " was not set");
    }
    return found;
  }

  /// Rounds a matrix to the nearest numbers of the grid.
  ///
  /// @param weight F32, F16 or BF16 `[out, in]`, finite, in memory accessible from any thread; a
  ///   number that is on the grid already keeps its integer
  /// @param allocator where the codes go
  /// @return a tensor that shares the memory of these scales
  public AffineTensor round(HostTensor weight, SegmentAllocator allocator) {
    if (!weight.shape().equals(shape)) {
      throw new IllegalArgumentException("scales of " + shape + ", weight " + weight.shape());
    }
    MemorySegment codes =
        allocator.allocate(shape.dim(0) * AffineTensor.rowBytes(shape, scheme), 64);
    AffineTensor tensor =
        new AffineTensor(shape, originalDtype, scheme, codes, scales, zeroPoints, groupIndex);
    AffineQuantizer.round(weight, tensor);
    return tensor;
  }
}
