package dev.fettle.quantize;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// The same integers under another integer scheme: codes stay as they are, scales and zero points
/// are spread over finer groups.
final class AffineReencoding {
  private final AffineTensor source;
  private final Scheme.Affine target;
  private final Shape scaleShape;

  private AffineReencoding(AffineTensor source, Scheme.Affine target) {
    this.source = source;
    this.target = target;
    this.scaleShape = target.granularity().scaleShape(source.shape());
  }

  /// @return null if the target has another width, coarser groups, or no place for the zero points,
  ///   or if a scale is not exact in `scaleDtype`
  static @Nullable AffineTensor of(
      AffineTensor source, Scheme.Affine target, DType scaleDtype, SegmentAllocator allocator) {
    return of(source, target, scaleDtype, false, allocator);
  }

  /// @param roundScales whether a scale may be rounded to `scaleDtype`
  static @Nullable AffineTensor of(
      AffineTensor source,
      Scheme.Affine target,
      DType scaleDtype,
      boolean roundScales,
      SegmentAllocator allocator) {
    boolean sameCodes =
        source.scheme().bits() == target.bits()
            && (target.symmetry() != Symmetry.RESTRICTED
                || source.scheme().symmetry() == Symmetry.RESTRICTED)
            && (source.groupIndex() == null
                || source.scheme().granularity().equals(target.granularity()));
    return sameCodes
        ? new AffineReencoding(source, target).run(scaleDtype, roundScales, allocator)
        : null;
  }

  private @Nullable AffineTensor run(
      DType scaleDtype, boolean roundScales, SegmentAllocator allocator) {
    int[] cells = cells();
    if (cells == null) {
      return null;
    }
    HostTensor scales = scales(cells, scaleDtype, roundScales, allocator);
    byte[] zeros = zeros(cells);
    boolean needed = false;
    for (byte zero : zeros) {
      needed |= zero != 0;
    }
    boolean possible = AffineTensor.hasZeroPoints(target);
    if (scales == null || (needed && !possible)) {
      return null;
    }
    HostTensor zeroPoints = null;
    if (possible) {
      MemorySegment out = allocator.allocate(zeros.length, 64);
      MemorySegment.copy(MemorySegment.ofArray(zeros), 0, out, 0, zeros.length);
      zeroPoints = new HostTensor(DType.I8, scaleShape, out);
    }
    return new AffineTensor(
        source.shape(),
        source.originalDtype(),
        target,
        source.codes(),
        scales,
        zeroPoints,
        source.groupIndex());
  }

  /// For each scale of the target the index of the source's that covers it, or null if one would
  /// need several.
  private int @Nullable [] cells() {
    Granularity from = source.scheme().granularity();
    Granularity to = target.granularity();
    long rows = source.shape().dim(0);
    long columns = source.shape().dim(1);
    long height = to.rowsPerScale(rows);
    long width = to.columnsPerScale(columns);
    long perRow = source.scales().shape().dim(1);
    int[] cells = new int[Math.toIntExact(scaleShape.elements())];
    int at = 0;
    for (long i = 0; i < scaleShape.dim(0); i++) {
      for (long j = 0; j < scaleShape.dim(1); j++) {
        long lastRow = Math.min(rows, (i + 1) * height) - 1;
        long lastColumn = Math.min(columns, (j + 1) * width) - 1;
        long row = i * height / from.rowsPerScale(rows);
        long column = j * width / from.columnsPerScale(columns);
        if (lastRow / from.rowsPerScale(rows) != row
            || lastColumn / from.columnsPerScale(columns) != column) {
          return null;
        }
        cells[at++] = Math.toIntExact(row * perRow + column);
      }
    }
    return cells;
  }

  private @Nullable HostTensor scales(
      int[] cells, DType dtype, boolean round, SegmentAllocator allocator) {
    float[] stored = source.scales().toFloats();
    float[] spread = new float[cells.length];
    for (int i = 0; i < cells.length; i++) {
      spread[i] = stored[cells[i]];
    }
    MemorySegment out = allocator.allocate((long) cells.length * dtype.bytes(), 64);
    Casts.fromFloat(MemorySegment.ofArray(spread), cells.length, dtype, out);
    HostTensor scales = new HostTensor(dtype, scaleShape, out);
    if (!round) {
      float[] back = scales.toFloats();
      for (int i = 0; i < back.length; i++) {
        if (back[i] != spread[i]) {
          return null;
        }
      }
    }
    return scales;
  }

  /// In the numbering of signed integers of this width, as both tensors keep them.
  private byte[] zeros(int[] cells) {
    byte[] zeros = new byte[cells.length];
    HostTensor stored = source.zeroPoints();
    if (stored != null) {
      for (int i = 0; i < cells.length; i++) {
        zeros[i] = stored.data().get(ValueLayout.JAVA_BYTE, cells[i]);
      }
    }
    return zeros;
  }
}
