package dev.fettle.quantize.explain;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.tensor.UserException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// How a range of numbers is laid over integers, step by step, by the very code that quantizes:
/// [AffineGrid].
public final class RangeExplanation {
  private final Scheme.Affine scheme;
  private final AffineGrid grid;
  private final float min;
  private final float max;
  private final AffineParameters parameters;

  private RangeExplanation(Scheme.Affine scheme, float min, float max) {
    this.scheme = scheme;
    this.grid = scheme.grid();
    this.min = min;
    this.max = max;
    this.parameters = grid.parameters(min, max);
  }

  /// @param min lower end of the range as text
  /// @param max upper end
  /// @param scheme one with integers
  /// @param values numbers to quantize; none takes the ends and zero
  /// @throws UserException if a text is no finite number, the ends are swapped, or the scheme has
  ///   no integers
  public static Explanation of(String min, String max, Scheme scheme, List<String> values) {
    if (!(scheme instanceof Scheme.Affine affine)) {
      throw new UserException(
          "Scheme %s has no evenly spaced integers, so a range has no scale and zero point in it; give one such as uint8:asym:tensor, or see fettle explain scheme %s."
              .formatted(scheme, scheme));
    }
    float low = number(min);
    float high = number(max);
    if (low > high) {
      throw new UserException(
          "The range begins at %s and ends at %s; give the smaller number first."
              .formatted(min, max));
    }
    Set<Float> chosen = new LinkedHashSet<>();
    if (values.isEmpty()) {
      chosen.addAll(List.of(low, 0f, high));
    }
    values.forEach(value -> chosen.add(number(value)));
    return new RangeExplanation(affine, low, high).explain(List.copyOf(chosen));
  }

  private static float number(String text) {
    if (NumberText.parse(text) instanceof Real.Finite finite) {
      float value = finite.value().floatValue();
      if (Float.isFinite(value)) {
        return value + 0f; // -0 is 0
      }
    }
    throw new UserException("'" + text + "' is not a finite float32 number.");
  }

  private Explanation explain(List<Float> values) {
    List<Part> parts = new ArrayList<>();
    parts.add(new Part.Steps(scheme + " over " + text(min) + " to " + text(max), formulas()));
    parts.add(table(values));
    parts.add(picture(values));
    parts.add(new Part.Text("", remarks()));
    return new Explanation(
        "%s to %s in %s".formatted(text(min), text(max), scheme), parts, json(values));
  }

  private List<String> formulas() {
    List<String> lines = new ArrayList<>();
    int qMin = grid.qMin();
    int qMax = grid.qMax();
    lines.add(
        "integers    %d bits, %s: qmin = %d, qmax = %d"
            .formatted(grid.bits(), grid.signed() ? "signed" : "unsigned", qMin, qMax));
    float low = low();
    float high = high();
    lines.add(
        "range       xmin = %s, xmax = %s%s".formatted(text(low), text(high), widened(low, high)));
    if (low == high) {
      lines.add("scale       the range is zero alone: 1, so that zero is stored exactly");
    } else {
      lines.add(
          "scale       (xmax - xmin) / (qmax - qmin) = (%s - %s) / (%d - %s) = %s / %d = %s"
              .formatted(
                  text(high),
                  bracketed(text(low)),
                  qMax,
                  bracketed(Integer.toString(qMin)),
                  text(high - low),
                  qMax - qMin,
                  text(parameters.scale())));
    }
    lines.add("zero point  " + zeroPoint(low, high));
    lines.add(
        "q           clamp(round(x / scale) + zero point, %d, %d), ties to the even integer"
            .formatted(qMin, qMax));
    lines.add("x'          (q - zero point) × scale");
    return lines;
  }

  private String zeroPoint(float low, float high) {
    if (low == high) {
      return Integer.toString(parameters.zeroPoint());
    }
    if (grid.symmetry().symmetric()) {
      return "%d: symmetric, %s"
          .formatted(
              parameters.zeroPoint(),
              parameters.zeroPoint() == 0
                  ? "zero stays the integer 0"
                  : "the middle of the unsigned integers");
    }
    return "round(qmin - xmin / scale) = round(%d - %s / %s) = round(%s) = %d"
        .formatted(
            grid.qMin(),
            bracketed(text(low)),
            text(parameters.scale()),
            text(grid.qMin() - low / parameters.scale()),
            parameters.zeroPoint());
  }

  /// The ends that the grid is laid over: zero included, and for a symmetric grid both signs alike.
  private float low() {
    float low = Math.min(min, 0);
    boolean oneSided = !grid.signed() && low == 0;
    return grid.symmetry().symmetric() ? (oneSided ? 0 : -Math.max(-low, max)) : low;
  }

  private float high() {
    return grid.symmetry().symmetric() ? Math.max(-Math.min(min, 0), max) : Math.max(max, 0);
  }

  private String widened(float low, float high) {
    if (low == min && high == max) {
      return "";
    }
    return grid.symmetry().symmetric() && low < 0
        ? " (symmetric: the larger magnitude on both sides)"
        : " (widened to hold zero, which must be exact)";
  }

  private Part table(List<Float> values) {
    List<List<String>> rows = new ArrayList<>();
    for (float value : values) {
      int q = parameters.quantize(value, grid);
      float back = parameters.dequantize(q);
      double rounded = Math.rint(value / parameters.scale());
      rows.add(
          List.of(
              text(value),
              text(value / parameters.scale()),
              Exact.plain(new BigDecimal(rounded)),
              Integer.toString(q),
              text(back),
              text(back - value),
              rounded + parameters.zeroPoint() == q ? "" : "clamped"));
    }
    return new Part.Table(
        "Values",
        List.of(
            Part.Column.number("x"),
            Part.Column.number("x / scale"),
            Part.Column.number("rounded"),
            Part.Column.number("q"),
            Part.Column.number("x'"),
            Part.Column.number("error"),
            Part.Column.text("")),
        rows);
  }

  private Part picture(List<Float> values) {
    Set<Part.Mark> marks = new LinkedHashSet<>();
    for (int q : new int[] {grid.qMin(), parameters.zeroPoint(), grid.qMax()}) {
      float x = parameters.dequantize(q);
      marks.add(new Part.Mark(x, text(x), Integer.toString(q)));
    }
    for (float value : values) {
      int q = parameters.quantize(value, grid);
      float drawn =
          Math.clamp(value, parameters.dequantize(grid.qMin()), parameters.dequantize(grid.qMax()));
      marks.add(new Part.Mark(drawn, text(value), Integer.toString(q)));
    }
    return new Part.NumberLine("The grid", "x", "q", List.copyOf(marks));
  }

  private List<String> remarks() {
    List<String> remarks = new ArrayList<>();
    int used = parameters.quantize(max, grid) - parameters.quantize(min, grid) + 1;
    int levels = grid.qMax() - grid.qMin() + 1;
    remarks.add(
        "The numbers from %s to %s use %d of the %d integers; neighbours lie %s apart, so rounding errs by %s at most."
            .formatted(
                text(min),
                text(max),
                used,
                levels,
                text(parameters.scale()),
                text(parameters.scale() / 2)));
    if (grid.symmetry() == Symmetry.SYMMETRIC && grid.signed()) {
      remarks.add(
          "The full range counts %d steps from %d to %d; its two ends err by half a step. The restricted range (%s:restricted) leaves %d out and scales by the magnitude / %d instead."
              .formatted(levels - 1, grid.qMin(), grid.qMax(), scheme, grid.qMin(), grid.qMax()));
    }
    return remarks;
  }

  private ObjectNode json(List<Float> values) {
    ObjectNode json =
        Json.object()
            .put("scheme", scheme.toString())
            .put("xmin", min)
            .put("xmax", max)
            .put("qmin", grid.qMin())
            .put("qmax", grid.qMax())
            .put("scale", parameters.scale())
            .put("zero_point", parameters.zeroPoint());
    ArrayNode list = json.putArray("values");
    for (float value : values) {
      int q = parameters.quantize(value, grid);
      list.addObject()
          .put("value", value)
          .put("quotient", value / parameters.scale())
          .put("q", q)
          .put("dequantized", parameters.dequantize(q))
          .put("error", parameters.dequantize(q) - value);
    }
    return json;
  }

  /// Six digits: enough to follow a calculation by hand.
  private static String text(float value) {
    return Exact.shortened(new BigDecimal(Float.toString(value)), 6);
  }

  private static String bracketed(String number) {
    return number.startsWith("-") ? "(" + number + ")" : number;
  }
}
