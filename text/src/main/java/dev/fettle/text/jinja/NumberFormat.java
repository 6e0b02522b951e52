package dev.fettle.text.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/// Numbers as Python's `%` operator and `str.format` write them, exactly rounded, halves to even.
final class NumberFormat {
  /// More digits than any number has; keeps a template from asking for gigabytes.
  static final int MAX_WIDTH = 1000;

  private static final int SIGNIFICANT = 6;

  private NumberFormat() {}

  /// @param kind `e`, `f` or `g`, in either case
  /// @param precision digits behind the point, or for `g` in all; six if negative
  /// @param alternate whether `g` keeps zeros at the end
  static String real(double value, char kind, int precision, boolean alternate) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      String text = Double.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
      return Character.isUpperCase(kind) ? text.toUpperCase(Locale.ROOT) : text;
    }
    int digits = precision < 0 ? SIGNIFICANT : precision;
    String sign = value < 0 || 1 / value < 0 ? "-" : "";
    BigDecimal exact = new BigDecimal(Math.abs(value));
    String text =
        switch (Character.toLowerCase(kind)) {
          case 'e' -> scientific(exact, digits);
          case 'f' -> exact.setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
          default -> general(exact, Math.max(digits, 1), alternate);
        };
    return sign + (Character.isUpperCase(kind) ? text.toUpperCase(Locale.ROOT) : text);
  }

  private static String scientific(BigDecimal value, int digits) {
    BigDecimal rounded = rounded(value, digits + 1);
    int exponent = exponent(rounded);
    String mantissa =
        rounded.movePointLeft(exponent).setScale(digits, RoundingMode.UNNECESSARY).toPlainString();
    return mantissa
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  private static String general(BigDecimal value, int digits, boolean alternate) {
    BigDecimal rounded = rounded(value, digits);
    int exponent = exponent(rounded);
    if (exponent >= -4 && exponent < digits) {
      String plain =
          rounded.setScale(digits - 1 - exponent, RoundingMode.UNNECESSARY).toPlainString();
      return alternate ? plain : withoutZeros(plain);
    }
    String text = scientific(rounded, digits - 1);
    int e = text.indexOf('e');
    return (alternate ? text.substring(0, e) : withoutZeros(text.substring(0, e)))
        + text.substring(e);
  }

  private static BigDecimal rounded(BigDecimal value, int digits) {
    return value.round(new MathContext(digits, RoundingMode.HALF_EVEN));
  }

  private static int exponent(BigDecimal value) {
    return value.signum() == 0 ? 0 : value.precision() - value.scale() - 1;
  }

  private static String withoutZeros(String text) {
    if (text.indexOf('.') < 0) {
      return text;
    }
    int end = text.length();
    while (text.charAt(end - 1) == '0') {
      end--;
    }
    return text.substring(0, text.charAt(end - 1) == '.' ? end - 1 : end);
  }

  /// @param kind `d`, `x`, `X`, `o` or `b`
  /// @param alternate whether to write `0x` and the like in front
  static String whole(long value, char kind, boolean alternate) {
    String digits =
        switch (kind) {
          case 'x' -> magnitude(value, 16);
          case 'X' -> magnitude(value, 16).toUpperCase(Locale.ROOT);
          case 'o' -> magnitude(value, 8);
          case 'b' -> magnitude(value, 2);
          default -> magnitude(value, 10);
        };
    boolean prefixed = alternate && kind != 'd';
    return (value < 0 ? "-" : "") + (prefixed ? "0" + kind : "") + digits;
  }

  private static String magnitude(long value, int radix) {
    String text = Long.toString(value, radix);
    return value < 0 ? text.substring(1) : text;
  }

  /// `digits` with a separator after every third before the point.
  static String grouped(String digits, char separator) {
    int start = digits.startsWith("-") || digits.startsWith("+") ? 1 : 0;
    int end = start;
    while (end < digits.length() && Character.isDigit(digits.charAt(end))) {
      end++;
    }
    StringBuilder out = new StringBuilder(digits);
    for (int at = end - 3; at > start; at -= 3) {
      out.insert(at, separator);
    }
    return out.toString();
  }

  /// A width or precision.
  ///
  /// @throws TemplateException if it is beyond all measure
  static int width(String digits) {
    int width = digits.length() > 4 ? Integer.MAX_VALUE : Integer.parseInt(digits);
    if (width > MAX_WIDTH) {
      throw TemplateException.value("a format wider than " + MAX_WIDTH);
    }
    return width;
  }
}
