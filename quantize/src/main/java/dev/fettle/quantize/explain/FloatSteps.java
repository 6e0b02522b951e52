package dev.fettle.quantize.explain;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/// How a number becomes sign, exponent and mantissa, in words.
final class FloatSteps {
  private FloatSteps() {}

  static List<String> of(String text, Real real, FloatFormat format) {
    return switch (real) {
      case Real.Finite finite -> finite(text, finite, format);
      case Real.Infinity _ -> List.of(infinity(format));
      case Real.NotANumber _ -> List.of(notANumber(format));
    };
  }

  private static List<String> finite(String text, Real.Finite real, FloatFormat format) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "sign      %s, so the sign bit is %d"
            .formatted(real.negative() ? "negative" : "not negative", real.negative() ? 1 : 0));
    BigDecimal magnitude = real.value().abs();
    if (magnitude.signum() == 0) {
      lines.add("exponent  all bits 0");
      lines.add("mantissa  all bits 0: with the exponent 0 that is zero; -0 has its own bits");
      return lines;
    }
    long code = format.encode(real);
    if (!(format.decode(code) instanceof Real.Finite stored)
        || magnitude.compareTo(format.largest().add(format.spacing(code))) > 0) {
      lines.add(beyond(format));
      return lines;
    }
    if (format.exponentField(code) == 0) {
      subnormal(magnitude, format, code, lines);
    } else {
      normal(text, magnitude, format, code, lines);
    }
    lines.add("stored    " + Exact.readable(stored.value()));
    return lines;
  }

  private static void normal(
      String text, BigDecimal magnitude, FloatFormat format, long code, List<String> lines) {
    int exponent = Math.max(Exact.floorLog2(magnitude), 1 - format.bias());
    BigDecimal significand = magnitude.multiply(Exact.powerOfTwo(-exponent));
    String bare = text.matches("-?[0-9.]+") ? text.replace("-", "") : Exact.shortened(magnitude, 8);
    lines.add(
        "exponent  %s = %s × 2^%d; stored with the bias %d added: %d + %d = %d = %s"
            .formatted(
                bare,
                Exact.shortened(significand, 10),
                exponent,
                format.bias(),
                exponent,
                format.bias(),
                exponent + format.bias(),
                FloatFormat.binary(exponent + format.bias(), format.exponentBits())));
    BigDecimal fraction = significand.subtract(BigDecimal.ONE);
    BigDecimal scaled = fraction.multiply(Exact.powerOfTwo(format.mantissaBits()));
    long rounded = Exact.roundHalfEven(fraction, -format.mantissaBits()).longValueExact();
    boolean carried = rounded == 1L << format.mantissaBits();
    lines.add(
        "mantissa  the leading 1 is not stored; %s × 2^%d = %s%s"
            .formatted(
                Exact.shortened(fraction, 10),
                format.mantissaBits(),
                Exact.shortened(scaled, 11),
                rounding(scaled, rounded)
                    + (carried
                        ? ": one too many bits, so the exponent goes up by 1 and the mantissa is 0"
                        : " = " + format.bitRow(code).mantissa())));
    int field = format.exponentField(code);
    lines.add(
        "value     %s(1 + %d / %d) × 2^%d"
            .formatted(
                code >>> (format.bits() - 1) == 1 ? "-" : "",
                format.mantissaField(code),
                1L << format.mantissaBits(),
                field - format.bias()));
  }

  private static void subnormal(
      BigDecimal magnitude, FloatFormat format, long code, List<String> lines) {
    int exponent = 1 - format.bias() - format.mantissaBits();
    BigDecimal scaled = magnitude.multiply(Exact.powerOfTwo(-exponent));
    lines.add(
        "exponent  below 2^%d, the smallest number with a leading 1: the field is 0 (subnormal)"
            .formatted(1 - format.bias()));
    lines.add(
        "mantissa  no leading 1 is added; counted in steps of 2^%d: %s%s = %s"
            .formatted(
                exponent,
                Exact.shortened(scaled, 8),
                rounding(scaled, format.mantissaField(code)),
                format.bitRow(code).mantissa()));
    lines.add("value     %d × 2^%d".formatted(format.mantissaField(code), exponent));
  }

  private static String rounding(BigDecimal exact, long rounded) {
    int order = exact.compareTo(BigDecimal.valueOf(rounded));
    boolean tie =
        exact.subtract(BigDecimal.valueOf(rounded)).abs().compareTo(BigDecimal.valueOf(5, 1)) == 0;
    return order == 0
        ? ""
        : ", rounded %s to %d".formatted(tie ? "to the even neighbour" : "to the nearest", rounded);
  }

  private static String beyond(FloatFormat format) {
    String largest = Exact.shortened(format.largest(), 8);
    if (format.hasInfinity()) {
      return "too large for %s (at most %s): it becomes infinity".formatted(format.text(), largest);
    }
    return format.hasNan()
        ? "too large for %s (at most %s), which has no infinity: a cast gives NaN, quantizers clamp first"
            .formatted(format.text(), largest)
        : "too large for %s: it becomes the largest number, %s".formatted(format.text(), largest);
  }

  private static String infinity(FloatFormat format) {
    if (format.hasInfinity()) {
      return "infinity  exponent all ones, mantissa 0";
    }
    return format.hasNan()
        ? "infinity  %s has none: it becomes NaN, the code with all ones".formatted(format.text())
        : "infinity  %s has none: it becomes the largest number".formatted(format.text());
  }

  private static String notANumber(FloatFormat format) {
    if (format.hasInfinity()) {
      return "NaN       exponent all ones, mantissa not 0; every calculation with it gives NaN";
    }
    return format.hasNan()
        ? "NaN       the one code with all ones"
        : "NaN       %s has none; the code shown is its largest number".formatted(format.text());
  }

  /// Where the usual classroom picture of sign, exponent and mantissa is not what is stored.
  static Part classroom(String text, Real real) {
    List<String> lines = new ArrayList<>();
    if (real instanceof Real.Finite finite && finite.value().signum() != 0) {
      String plain = Exact.readable(finite.value().abs());
      int point = plain.indexOf('.');
      if (point > 0 && !plain.startsWith("≈")) {
        lines.add(
            "Notes often draw %s as its decimal halves: sign %s, \"%s\" in the exponent, \"%s\" in the mantissa. That is a simplification; IEEE 754 stores neither."
                .formatted(
                    text,
                    finite.negative() ? "-" : "+",
                    plain.substring(0, point),
                    plain.substring(point + 1)));
      } else {
        lines.add(
            "Notes often draw a number as its decimal halves, the digits before the point in the exponent and those after it in the mantissa. That is a simplification; IEEE 754 stores neither.");
      }
      int exponent = Exact.floorLog2(finite.value().abs());
      BigDecimal significand = finite.value().abs().multiply(Exact.powerOfTwo(-exponent));
      lines.add(
          "Base two: the exponent is the power of two, %d, because %s = %s × 2^%d; decimal digits are stored nowhere."
              .formatted(
                  exponent,
                  text.startsWith("-") ? text.substring(1) : text,
                  Exact.shortened(significand, 10),
                  exponent));
    } else {
      lines.add(
          "Notes often draw a number as sign, digits before the point, digits after it. That is a simplification; IEEE 754 stores neither.");
    }
    lines.add(
        "Bias: the exponent has no sign of its own; 127 is added to it in fp32 and bf16, 15 in fp16 and e5m2, 7 in e4m3, 1 in e2m1.");
    lines.add(
        "Implicit one: in base two the first digit of a number is always 1, so it is not stored; only zero and the subnormal numbers below the smallest exponent go without.");
    lines.add(
        "Rounding: what does not fit is rounded to the nearest value that does, ties to the even one, so most decimals are stored with an error even in fp32.");
    return new Part.Text("Where the classroom picture differs", lines);
  }
}
