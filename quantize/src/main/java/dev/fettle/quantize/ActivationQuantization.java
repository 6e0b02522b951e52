package dev.fettle.quantize;

import dev.fettle.tensor.UserException;

/// How the input of a linear layer is quantized, so that the layer multiplies integers: per token,
/// with a scale found while computing, or per tensor, with parameters found by calibration.
///
/// @param scheme 8 bits; per token (dynamic) or per tensor (static)
public record ActivationQuantization(Scheme.Affine scheme) {
  public ActivationQuantization {
    boolean known =
        scheme.granularity() instanceof Granularity.PerTensor
            || (scheme.granularity() instanceof Granularity.PerToken
                && scheme.symmetry().symmetric()
                && scheme.signed());
    if (!known || scheme.bits() != 8) {
      throw new UserException(
          "Activations cannot be quantized to %s; choose int8:sym:token, int8:sym:tensor, int8:asym:tensor or uint8:asym:tensor."
              .formatted(scheme));
    }
  }

  /// @throws UserException if the text is no scheme for activations
  public static ActivationQuantization parse(String text) {
    if (Scheme.parse(text) instanceof Scheme.Affine affine) {
      return new ActivationQuantization(affine);
    }
    throw new UserException(
        "Activations cannot be quantized to %s; choose int8:sym:token, int8:sym:tensor, int8:asym:tensor or uint8:asym:tensor."
            .formatted(text));
  }

  /// Whether scales are found while computing, one per token.
  public boolean dynamic() {
    return scheme.granularity() instanceof Granularity.PerToken;
  }

  @Override
  public String toString() {
    return scheme.toString();
  }
}
