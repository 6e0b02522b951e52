package dev.fettle.quantize;

import dev.fettle.quantize.kernel.AffineKernels;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// A matrix of integers with scales: `w = (c − z) · s`, the product rounded to float32 and then to
/// the dtype wanted.
///
/// The codes c of a row are one stream of bits, least significant first, padded to whole 32-bit
/// words; this is how compressed-tensors packs them. Fewer than 8 bits: c = q − (lowest q of this
/// width), without a sign. 8 bits: c = q as a signed byte, for unsigned schemes q − 128. Zero
/// points are counted as signed numbers of the same width: z = zero point, for unsigned schemes
/// zero point − 2^(bits−1).
///
/// @param shape `[out, in]`
/// @param originalDtype dtype before quantization
/// @param codes `rows · rowBytes` bytes
/// @param scales F32, F16 or BF16, one per run of weights; see [Granularity#scaleShape]
/// @param zeroPoints I8 of the same shape; null where all are zero
/// @param groupIndex I32 `[in]`, the group of each column, where groups are not runs of neighbours
///   (GPTQ's act-order calls it `g_idx`); null for column / group size
public record AffineTensor(
    Shape shape,
    DType originalDtype,
    Scheme.Affine scheme,
    MemorySegment codes,
    HostTensor scales,
    @Nullable HostTensor zeroPoints,
    @Nullable HostTensor groupIndex)
    implements QuantizedTensor {

  /// With groups of neighbouring columns.
  public AffineTensor(
      Shape shape,
      DType originalDtype,
      Scheme.Affine scheme,
      MemorySegment codes,
      HostTensor scales,
      @Nullable HostTensor zeroPoints) {
    this(shape, originalDtype, scheme, codes, scales, zeroPoints, null);
  }

  public AffineTensor {
    if (shape.rank() != 2 || codes.byteSize() != shape.dim(0) * rowBytes(shape, scheme)) {
      throw new IllegalArgumentException(
          "%s of %s with %d bytes of codes".formatted(shape, scheme, codes.byteSize()));
    }
    Shape expected = scheme.granularity().scaleShape(shape);
    if (!scales.shape().equals(expected)) {
      throw new IllegalArgumentException(
          "%s of %s has scales %s, got %s".formatted(shape, scheme, expected, scales.shape()));
    }
    if (zeroPoints != null
        && (!zeroPoints.shape().equals(expected) || zeroPoints.dtype() != DType.I8)) {
      throw new IllegalArgumentException("zero points " + zeroPoints.shape());
    }
    if (groupIndex != null) {
      GroupIndex.check(groupIndex, shape, scheme);
    }
  }

  /// Bytes of one row of codes.
  public static long rowBytes(Shape shape, Scheme.Affine scheme) {
    long columns = shape.dim(1);
    return scheme.bits() == 8 ? columns : (columns * scheme.bits() + 31) / 32 * 4;
  }

  /// Whether zero points other than zero can occur, in the numbering of signed integers.
  public static boolean hasZeroPoints(Scheme.Affine scheme) {
    return !scheme.signed() || scheme.symmetry() == Symmetry.ASYMMETRIC;
  }

  @Override
  public long byteSize() {
    return codes.byteSize()
        + scales.byteSize()
        + (zeroPoints == null ? 0 : zeroPoints.byteSize())
        + (groupIndex == null ? 0 : groupIndex.byteSize());
  }

  @Override
  public void dequantizeRows(long from, long to, DType target, MemorySegment out) {
    int columns = Math.toIntExact(shape.dim(1));
    long rowBytes = rowBytes(shape, scheme);
    int groupSize = Math.toIntExact(scheme.granularity().columnsPerScale(columns));
    long rowsPerScale = scheme.granularity().rowsPerScale(shape.dim(0));
    int perRow = Math.toIntExact(scales.shape().dim(1));
    float[] rowScales = new float[perRow];
    float[] rowZeros = new float[perRow];
    int[] groups = groupIndex == null ? null : GroupIndex.read(groupIndex);
    long loaded = -1;
    for (long row = from; row < to; row++) {
      if (row / rowsPerScale != loaded) {
        loaded = row / rowsPerScale;
        readScales(loaded, rowScales);
        readZeros(loaded, rowZeros);
      }
      MemorySegment in = codes.asSlice(row * rowBytes, rowBytes);
      long width = (long) columns * target.bytes();
      MemorySegment numbers = out.asSlice((row - from) * width, width);
      AffineKernels kernels = AffineKernels.get();
      if (groups == null) {
        kernels.dequantize(
            in, scheme.bits(), columns, groupSize, rowScales, rowZeros, target, numbers);
      } else {
        kernels.dequantize(in, scheme.bits(), groups, rowScales, rowZeros, target, numbers);
      }
    }
  }

  /// One row of scales as float32.
  ///
  /// @param row of the matrix of scales
  /// @param out as many as the matrix has columns
  public void readScales(long row, float[] out) {
    long count = scales.shape().dim(1);
    int width = scales.dtype().bytes();
    MemorySegment slice = scales.data().asSlice(row * count * width, count * width);
    Casts.toFloat(
        new HostTensor(scales.dtype(), Shape.of(count), slice), MemorySegment.ofArray(out));
  }

  /// One row of zero points, in the numbering of the stored codes.
  ///
  /// @param row of the matrix of scales
  /// @param out as many as the matrix has columns
  public void readZeros(long row, float[] out) {
    int offset = codeOffset(scheme);
    for (int i = 0; i < out.length; i++) {
      int zero =
          zeroPoints == null
              ? 0
              : zeroPoints.data().get(ValueLayout.JAVA_BYTE, row * out.length + i);
      out[i] = zero + offset;
    }
  }

  /// Stored code less signed integer: 2^(bits−1) where codes have no sign, 0 for 8 bits.
  static int codeOffset(Scheme.Affine scheme) {
    return scheme.bits() == 8 ? 0 : 1 << (scheme.bits() - 1);
  }

  @Override
  public void dequantize(DType target, MemorySegment out) {
    QuantizedTensor.inParts(
        this, shape.dim(0), QuantizedTensor.rowsPerPart(shape), target, out, this::dequantizeRows);
  }
}
