package dev.fettle.calibrate.block;

import dev.fettle.quantize.AffineScales;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// A weight to put on an integer grid.
///
/// @param name module path, such as `model.layers.0.mlp.up_proj`
/// @param weight F32 `[out, in]`, finite, in native memory; read only
/// @param storedDtype dtype of the weight in the checkpoint
/// @param scaleDtype what the scales are stored in; null for the dtype of the weight
/// @param allocator where the result goes
public record LayerProblem(
    String name,
    HostTensor weight,
    DType storedDtype,
    @Nullable DType scaleDtype,
    Scheme.Affine scheme,
    SegmentAllocator allocator) {

  /// With scales in the dtype of the weight.
  public LayerProblem(
      String name,
      HostTensor weight,
      DType storedDtype,
      Scheme.Affine scheme,
      SegmentAllocator allocator) {
    this(name, weight, storedDtype, null, scheme, allocator);
  }

  public int rows() {
    return Math.toIntExact(weight.shape().dim(0));
  }

  public int columns() {
    return Math.toIntExact(weight.shape().dim(1));
  }

  /// Scales that are not set yet, where the result goes.
  ///
  /// @throws dev.fettle.tensor.UserException if the granularity does not fit the weight
  public AffineScales newScales() {
    return newScales(allocator);
  }

  /// As the other `newScales`, for columns in any groups.
  ///
  /// @param groupIndex see [AffineTensor]; null for groups of neighbouring columns
  public AffineScales newScales(@Nullable HostTensor groupIndex) {
    return newScales(groupIndex, allocator);
  }

  /// As the other `newScales`, elsewhere in memory.
  public AffineScales newScales(SegmentAllocator memory) {
    return newScales(null, memory);
  }

  private AffineScales newScales(@Nullable HostTensor groupIndex, SegmentAllocator memory) {
    return new AffineScales(
        name + ".weight", weight.shape(), storedDtype, scaleDtype, scheme, groupIndex, memory);
  }

  /// The weight rounded to nearest, with scales from its smallest and largest numbers.
  ///
  /// @param memory where the result goes
  public AffineTensor nearest(SegmentAllocator memory) {
    AffineScales scales = newScales(memory);
    scales.fit(weight);
    return scales.round(weight, memory);
  }
}
