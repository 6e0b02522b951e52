package dev.fettle.quantize.explain;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;

/// Arithmetic without rounding, and numbers as text.
final class Exact {
  /// Longer decimals are shown rounded.
  private static final int MAX_LENGTH = 28;

  private Exact() {}

  static BigDecimal powerOfTwo(int exponent) {
    return exponent >= 0
        ? new BigDecimal(BigInteger.TWO.pow(exponent))
        : new BigDecimal(BigInteger.valueOf(5).pow(-exponent), -exponent);
  }

  /// The largest `e` with `2^e <= x`.
  ///
  /// @param x positive
  static int floorLog2(BigDecimal x) {
    BigInteger[] fraction = fraction(x);
    int estimate = fraction[0].bitLength() - fraction[1].bitLength();
    return x.compareTo(powerOfTwo(estimate)) < 0 ? estimate - 1 : estimate;
  }

  /// `x / 2^exponent` rounded to the nearest integer, ties to even.
  static BigInteger roundHalfEven(BigDecimal x, int exponent) {
    return x.multiply(powerOfTwo(-exponent)).setScale(0, RoundingMode.HALF_EVEN).toBigInteger();
  }

  private static BigInteger[] fraction(BigDecimal x) {
    return x.scale() >= 0
        ? new BigInteger[] {x.unscaledValue(), BigInteger.TEN.pow(x.scale())}
        : new BigInteger[] {x.toBigIntegerExact(), BigInteger.ONE};
  }

  /// All digits, without an exponent and without trailing zeros.
  static String plain(BigDecimal x) {
    return x.signum() == 0 ? "0" : x.stripTrailingZeros().toPlainString();
  }

  /// All digits where they fit into a column, otherwise twelve of them and a sign that says so.
  static String readable(BigDecimal x) {
    String plain = plain(x);
    return plain.length() <= MAX_LENGTH ? plain : "≈ " + shortened(x, 12);
  }

  /// At most this many digits.
  static String shortened(BigDecimal x, int digits) {
    if (x.signum() == 0) {
      return "0";
    }
    BigDecimal rounded =
        x.round(new MathContext(digits, RoundingMode.HALF_EVEN)).stripTrailingZeros();
    int magnitude = rounded.precision() - rounded.scale() - 1;
    if (magnitude >= -4 && magnitude < 10) {
      return rounded.toPlainString();
    }
    BigDecimal mantissa = rounded.movePointLeft(magnitude).stripTrailingZeros();
    return mantissa.toPlainString() + "e" + (magnitude < 0 ? "-" : "+") + Math.abs(magnitude);
  }
}
