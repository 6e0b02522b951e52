package dev.fettle.quantize.explain;

import dev.fettle.tensor.UserException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Reads numbers as people write them, without rounding: `7.32`, `-1e-45`, `0x1.8p3`, `inf`, `nan`,
/// or the stored bits of a format, `bf16:0x40EA`.
public final class NumberText {
  private static final Pattern DECIMAL =
      Pattern.compile("[+-]?(\\d{1,400}(\\.\\d{0,400})?|\\.\\d{1,400})([eE][+-]?\\d{1,4})?");
  private static final Pattern HEX =
      Pattern.compile(
          "([+-]?)0[xX]([0-9a-fA-F]{1,200})(\\.([0-9a-fA-F]{0,200}))?([pP]([+-]?\\d{1,4}))?");
  private static final Pattern BITS = Pattern.compile("(\\w+):0[xX]([0-9a-fA-F]{1,8})");

  /// Numbers outside of 1e-400 and 1e400 lie beyond every format by far.
  private static final int MAX_MAGNITUDE = 400;

  private NumberText() {}

  /// @throws UserException if the text is no number, or one beyond 1e400
  public static Real parse(String text) {
    String bare = text.strip();
    String lower = bare.toLowerCase(Locale.ROOT);
    boolean negative = lower.startsWith("-");
    switch (negative || lower.startsWith("+") ? lower.substring(1) : lower) {
      case "inf", "infinity" -> {
        return new Real.Infinity(negative);
      }
      case "nan" -> {
        return new Real.NotANumber();
      }
      default -> {
        Matcher bits = BITS.matcher(bare);
        return bits.matches() ? stored(text, bits.group(1), bits.group(2)) : finite(text, bare);
      }
    }
  }

  private static Real.Finite finite(String text, String bare) {
    boolean negative = bare.startsWith("-");
    Matcher hex = HEX.matcher(bare);
    BigDecimal value;
    if (hex.matches()) {
      value = hexadecimal(hex);
    } else if (DECIMAL.matcher(bare).matches()) {
      value = new BigDecimal(bare);
    } else {
      throw new UserException(
          "'"
              + text
              + "' is not a number; write 7.32, 1e-45, 0x1.8p3, inf, nan or the stored bits of a"
              + " format, such as bf16:0x40EA.");
    }
    if (value.signum() != 0 && Math.abs(value.precision() - (long) value.scale()) > MAX_MAGNITUDE) {
      throw new UserException(
          "'" + text + "' lies outside of 1e-400 to 1e400, far beyond every format here.");
    }
    return new Real.Finite(value, negative);
  }

  private static BigDecimal hexadecimal(Matcher hex) {
    String fraction = hex.group(4) == null ? "" : hex.group(4);
    int exponent = hex.group(6) == null ? 0 : Integer.parseInt(hex.group(6));
    BigInteger digits = new BigInteger(hex.group(2) + fraction, 16);
    BigDecimal value =
        new BigDecimal(digits).multiply(Exact.powerOfTwo(exponent - 4 * fraction.length()));
    return hex.group(1).equals("-") ? value.negate() : value;
  }

  private static Real stored(String text, String name, String digits) {
    FloatFormat format =
        FloatFormat.find(name)
            .orElseThrow(() ->
                new UserException(
                    "'%s' names no format; the formats are fp32, fp16, bf16, fp8_e4m3, fp8_e5m2 and fp4_e2m1."
                        .formatted(text)));
    long code = Long.parseLong(digits, 16);
    if (code >>> format.bits() != 0) {
      throw new UserException(
          "'%s' has more than the %d bits of %s.".formatted(text, format.bits(), format.text()));
    }
    return format.decode(code);
  }
}
