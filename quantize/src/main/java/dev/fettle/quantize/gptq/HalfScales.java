package dev.fettle.quantize.gptq;

import dev.fettle.quantize.AffineTensor;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// Scales as GPTQ and AWQ store them: float16, one row per group.
public final class HalfScales {
  private HalfScales() {}

  /// The scales of a weight, `[groups, out]`.
  ///
  /// @param kind what the layout is called in messages
  /// @throws UserException if float16 does not hold one of them exactly
  public static HostTensor of(String module, AffineTensor tensor, String kind) {
    HostTensor scales = tensor.scales();
    if (scales.dtype() == DType.F16) {
      return StoredParts.transposed(scales);
    }
    float[] floats = scales.toFloats();
    MemorySegment halves = Arena.ofAuto().allocate(2L * floats.length, 64);
    Casts.fromFloat(MemorySegment.ofArray(floats), floats.length, DType.F16, halves);
    HostTensor rounded = new HostTensor(DType.F16, scales.shape(), halves);
    float[] back = rounded.toFloats();
    for (int i = 0; i < floats.length; i++) {
      if (back[i] != floats[i]) {
        throw new UserException(
            "Layer %s has the %s scale %s, which the float16 scales of %s do not hold exactly; quantize the original weights with --format, or keep the compressed-tensors layout."
                .formatted(module, scales.dtype().torchName(), floats[i], kind));
      }
    }
    return StoredParts.transposed(rounded);
  }
}
