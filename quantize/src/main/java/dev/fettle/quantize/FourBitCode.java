package dev.fettle.quantize;

/// The sixteen levels of a [CodebookTensor].
public enum FourBitCode {
  NF4,
  FP4;

  /// As bitsandbytes names it: `nf4`, `fp4`.
  public String text() {
    return this == NF4 ? "nf4" : "fp4";
  }

  static FourBitCode of(Scheme.Codebook scheme) {
    return switch (scheme) {
      case Scheme.Nf4 nf4 -> NF4;
      case Scheme.Fp4 fp4 -> FP4;
    };
  }
}
