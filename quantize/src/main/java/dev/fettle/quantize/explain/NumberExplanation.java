package dev.fettle.quantize.explain;

import dev.fettle.checkpoint.Json;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// How numbers are stored in binary floating point.
public final class NumberExplanation {
  private NumberExplanation() {}

  /// @param texts the numbers as [NumberText] reads them, at least one
  /// @param steps the format whose encoding is shown step by step
  /// @throws dev.fettle.tensor.UserException if a text is no number
  public static Explanation of(List<String> texts, FloatFormat steps) {
    List<Part> parts = new ArrayList<>();
    ObjectNode json = Json.object();
    ArrayNode numbers = json.putArray("numbers");
    for (String text : texts) {
      Real real = NumberText.parse(text);
      parts.add(table(text, real));
      parts.add(new Part.Bits("The bits of " + text, bits(real)));
      parts.add(
          new Part.Steps("Step by step in " + steps.text(), FloatSteps.of(text, real, steps)));
      numbers.add(json(text, real));
    }
    parts.add(FloatSteps.classroom(texts.getFirst(), NumberText.parse(texts.getFirst())));
    return new Explanation(String.join(", ", texts) + " in floating point", parts, json);
  }

  private static List<Part.BitRow> bits(Real real) {
    List<Part.BitRow> rows = new ArrayList<>();
    for (FloatFormat format : FloatFormat.values()) {
      rows.add(format.bitRow(format.encode(real)));
    }
    return rows;
  }

  private static Part table(String text, Real real) {
    List<List<String>> rows = new ArrayList<>();
    for (FloatFormat format : FloatFormat.values()) {
      long code = format.encode(real);
      Real stored = format.decode(code);
      rows.add(
          List.of(
              format.text(),
              hex(format, code),
              text(stored),
              error(real, stored, false),
              error(real, stored, true),
              stored instanceof Real.Finite ? Exact.shortened(format.spacing(code), 3) : "–"));
    }
    return new Part.Table(
        "What each format stores for " + text,
        List.of(
            Part.Column.text("format"),
            Part.Column.text("bits"),
            Part.Column.number("stored value"),
            Part.Column.number("error"),
            Part.Column.number("relative"),
            Part.Column.number("spacing")),
        rows);
  }

  private static String hex(FloatFormat format, long code) {
    int digits = (format.bits() + 3) / 4;
    return ("0x%0" + digits + "X").formatted(code);
  }

  private static String text(Real real) {
    return switch (real) {
      case Real.Finite finite ->
          (finite.negative() && finite.value().signum() == 0 ? "-" : "")
              + Exact.readable(finite.value());
      case Real.Infinity infinity -> infinity.negative() ? "-inf" : "inf";
      case Real.NotANumber _ -> "NaN";
    };
  }

  private static String error(Real real, Real stored, boolean relative) {
    if (!(real instanceof Real.Finite exact) || !(stored instanceof Real.Finite finite)) {
      return "–";
    }
    BigDecimal error = finite.value().subtract(exact.value());
    if (error.signum() == 0) {
      return relative ? "0 %" : "0";
    }
    if (!relative) {
      return Exact.shortened(error, 3);
    }
    double share = Math.abs(relativeError(error, exact.value()));
    return share >= 1e-3 // in percent
        ? String.format(Locale.ROOT, "%.3g %%", 100 * share)
        : String.format(Locale.ROOT, "%.1e %%", 100 * share);
  }

  private static double relativeError(BigDecimal error, BigDecimal exact) {
    return exact.signum() == 0 ? 0 : error.divide(exact, MathContext.DECIMAL64).doubleValue();
  }

  private static ObjectNode json(String text, Real real) {
    ObjectNode node = Json.object().put("number", text);
    node.put("exact", exact(real));
    ArrayNode formats = node.putArray("formats");
    for (FloatFormat format : FloatFormat.values()) {
      long code = format.encode(real);
      Real stored = format.decode(code);
      Part.BitRow bits = format.bitRow(code);
      ObjectNode one =
          formats
              .addObject()
              .put("format", format.text())
              .put("bits", hex(format, code))
              .put("sign", bits.sign())
              .put("exponent", bits.exponent())
              .put("mantissa", bits.mantissa())
              .put("stored", exact(stored));
      if (real instanceof Real.Finite x && stored instanceof Real.Finite y) {
        BigDecimal error = y.value().subtract(x.value());
        one.put("error", error.doubleValue())
            .put("relative_error", Math.abs(relativeError(error, x.value())));
      }
    }
    return node;
  }

  private static String exact(Real real) {
    return real instanceof Real.Finite finite ? Exact.plain(finite.value()) : text(real);
  }
}
