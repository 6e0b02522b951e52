package dev.fettle.quantize.explain;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/// Binary floating-point formats by their definition: exact arithmetic, one rounding. Sources: IEEE
/// 754-2019 section 3.4 (fp32, fp16); FP8 Formats for Deep Learning (arXiv:2209.05433) section 3;
/// OCP Microscaling Formats v1.0 section 5.3.3 (e2m1).
public enum FloatFormat {
  FP32("fp32", 8, 23, Beyond.INFINITY),
  FP16("fp16", 5, 10, Beyond.INFINITY),
  BF16("bf16", 8, 7, Beyond.INFINITY),
  FP8_E4M3("fp8_e4m3", 4, 3, Beyond.NAN),
  FP8_E5M2("fp8_e5m2", 5, 2, Beyond.INFINITY),
  FP4_E2M1("fp4_e2m1", 2, 1, Beyond.LARGEST);

  /// What stands for a number beyond the largest.
  private enum Beyond {
    /// The largest exponent field is kept for infinity and NaN.
    INFINITY,
    /// Only the code with all ones is kept, for NaN.
    NAN,
    /// Every code is a number; larger ones become the largest.
    LARGEST
  }

  private final String text;
  private final int exponentBits;
  private final int mantissaBits;
  private final Beyond beyond;

  FloatFormat(String text, int exponentBits, int mantissaBits, Beyond beyond) {
    this.text = text;
    this.exponentBits = exponentBits;
    this.mantissaBits = mantissaBits;
    this.beyond = beyond;
  }

  /// The format of this name (`fp16`), whatever its case.
  public static Optional<FloatFormat> find(String text) {
    String lower = text.toLowerCase(Locale.ROOT);
    return Arrays.stream(values()).filter(format -> format.text.equals(lower)).findFirst();
  }

  public String text() {
    return text;
  }

  public int bits() {
    return 1 + exponentBits + mantissaBits;
  }

  public int exponentBits() {
    return exponentBits;
  }

  public int mantissaBits() {
    return mantissaBits;
  }

  /// What is added to the exponent before it is stored: `2^(exponentBits - 1) - 1`.
  public int bias() {
    return (1 << (exponentBits - 1)) - 1;
  }

  public boolean hasInfinity() {
    return beyond == Beyond.INFINITY;
  }

  public boolean hasNan() {
    return beyond != Beyond.LARGEST;
  }

  /// The largest finite number.
  public BigDecimal largest() {
    return magnitude(largestCode());
  }

  /// The smallest positive number with a leading one: `2^(1 - bias)`.
  public BigDecimal smallestNormal() {
    return magnitude(1 << mantissaBits);
  }

  /// The bits that stand for a number, rounded once to the nearest, ties to the even code. What is
  /// too large becomes infinity, NaN (e4m3) or the largest number (e2m1, which has no NaN either).
  ///
  /// @return the code in the low `bits()` bits
  public long encode(Real real) {
    return switch (real) {
      case Real.Finite finite -> signed(finite.negative(), rounded(finite.value().abs()));
      case Real.Infinity infinity -> signed(infinity.negative(), tooLarge());
      case Real.NotANumber _ ->
          switch (beyond) {
            case INFINITY -> infinityCode() + (1L << (mantissaBits - 1)); // quiet
            case NAN, LARGEST -> tooLarge();
          };
    };
  }

  /// What a code stands for, exactly.
  public Real decode(long code) {
    boolean negative = (code >>> (bits() - 1) & 1) == 1;
    long magnitude = code & ((1L << (bits() - 1)) - 1);
    if (magnitude > largestCode()) {
      return beyond == Beyond.INFINITY && magnitude == infinityCode()
          ? new Real.Infinity(negative)
          : new Real.NotANumber();
    }
    BigDecimal value = magnitude((int) magnitude);
    return new Real.Finite(negative ? value.negate() : value, negative);
  }

  /// The distance between the neighbours of a code: `2^(exponent - mantissaBits)`.
  public BigDecimal spacing(long code) {
    int field = exponentField(code);
    return Exact.powerOfTwo(Math.max(field, 1) - bias() - mantissaBits);
  }

  /// The exponent field, bias included.
  public int exponentField(long code) {
    return (int) (code >>> mantissaBits) & ((1 << exponentBits) - 1);
  }

  /// The mantissa field, without the implicit leading one.
  public int mantissaField(long code) {
    return (int) code & ((1 << mantissaBits) - 1);
  }

  /// Sign, exponent and mantissa as binary digits.
  public Part.BitRow bitRow(long code) {
    return new Part.BitRow(
        text,
        Long.toString(code >>> (bits() - 1) & 1),
        binary(exponentField(code), exponentBits),
        binary(mantissaField(code), mantissaBits));
  }

  static String binary(int value, int digits) {
    String text = Integer.toBinaryString(value);
    return "0".repeat(digits - text.length()) + text;
  }

  private long signed(boolean negative, long magnitude) {
    return (negative ? 1L << (bits() - 1) : 0) | magnitude;
  }

  private long rounded(BigDecimal magnitude) {
    if (magnitude.signum() == 0) {
      return 0;
    }
    int exponent = Math.max(Exact.floorLog2(magnitude), 1 - bias());
    if (exponent > bias() + 1) {
      return tooLarge();
    }
    BigInteger quanta = Exact.roundHalfEven(magnitude, exponent - mantissaBits);
    // the leading one of a normal number adds 1 to the exponent field, and so does a carry
    long code = ((long) (exponent + bias() - 1) << mantissaBits) + quanta.longValueExact();
    return code > largestCode() ? tooLarge() : code;
  }

  private long tooLarge() {
    return switch (beyond) {
      case INFINITY -> infinityCode();
      case NAN -> (1L << (bits() - 1)) - 1;
      case LARGEST -> largestCode();
    };
  }

  private int infinityCode() {
    return ((1 << exponentBits) - 1) << mantissaBits;
  }

  private int largestCode() {
    return switch (beyond) {
      case INFINITY -> infinityCode() - 1;
      case NAN -> (1 << (bits() - 1)) - 2;
      case LARGEST -> (1 << (bits() - 1)) - 1;
    };
  }

  private BigDecimal magnitude(int code) {
    int field = exponentField(code);
    long quanta = mantissaField(code) + (field == 0 ? 0L : 1L << mantissaBits);
    return Exact.powerOfTwo(Math.max(field, 1) - bias() - mantissaBits)
        .multiply(BigDecimal.valueOf(quanta));
  }
}
