package dev.fettle.quantize;

/// The two 8-bit floating-point formats of Micikevicius et al. 2022 (arXiv:2209.05433), table 1.
public enum Float8Format {
  /// 4 exponent and 3 mantissa bits, no infinity, NaN at S.1111.111.
  E4M3("fp8_e4m3", 448),
  /// 5 exponent and 2 mantissa bits, with infinities.
  E5M2("fp8_e5m2", 57344);

  private final String text;
  private final float largest;

  Float8Format(String text, float largest) {
    this.text = text;
    this.largest = largest;
  }

  /// As in a scheme.
  public String text() {
    return text;
  }

  /// The largest finite number.
  public float largest() {
    return largest;
  }
}
