package dev.fettle.quantize;

import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;

/// Scales in the dtype they are stored in.
final class ScaleRounding {
  private static final float LARGEST_HALF = 65504;

  private ScaleRounding() {}

  /// @param name the tensor, for messages
  /// @throws UserException if a scale is beyond the largest number of its dtype
  static void requireFits(String name, float scale, DType dtype) {
    if (dtype == DType.F16 && scale > LARGEST_HALF) {
      throw new UserException(
          "Tensor '%s' has weights so large that they need the scale %s, and float16 ends at %s; use a format with scales in the model's dtype, such as compressed-tensors, or --skip-modules."
              .formatted(name, scale, LARGEST_HALF));
    }
  }

  /// Stores a positive scale as element `i`, rounded to nearest even but never to zero or infinity.
  ///
  /// @param scales F32, F16 or BF16
  /// @return the scale as it will be read
  static float store(HostTensor scales, long i, float scale) {
    float rounded = round(scale, scales.dtype());
    switch (scales.dtype()) {
      case F32 -> scales.data().set(HostTensor.F32_LAYOUT, 4 * i, rounded);
      case F16 -> scales.data().set(HostTensor.I16_LAYOUT, 2 * i, Float.floatToFloat16(rounded));
      case BF16 -> scales.data().set(HostTensor.I16_LAYOUT, 2 * i, Casts.floatToBf16(rounded));
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("scales are float, not " + scales.dtype());
    }
    return rounded;
  }

  /// @param dtype F32, F16 or BF16
  static float round(float scale, DType dtype) {
    return switch (dtype) {
      case F32 -> scale;
      case F16 -> {
        float rounded = Float.float16ToFloat(Float.floatToFloat16(scale));
        yield Math.clamp(rounded, 0x1p-24f, LARGEST_HALF); // smallest subnormal, largest number
      }
      case BF16 -> {
        float rounded = Casts.bf16ToFloat(Casts.floatToBf16(scale));
        yield Math.clamp(rounded, 0x1p-133f, 0x1.FEp127f); // smallest subnormal, largest number
      }
      case F64, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U8, U16, U32, U64, F8_E8M0, C64, BOOL ->
          throw new IllegalStateException("scales are float, not " + dtype);
    };
  }
}
