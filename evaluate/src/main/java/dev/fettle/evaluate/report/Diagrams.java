package dev.fettle.evaluate.report;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// Draws [Section.NumberLine] and [Section.BitFields].
final class Diagrams {
  private static final double WIDTH = 720;
  private static final double MARGIN = 60;
  private static final double ROW = 15;

  /// Width of a label's character, about.
  private static final double CHARACTER = 6.6;

  private static final double BIT = 17;
  private static final double NAMES = 84;

  private Diagrams() {}

  /// The line, real numbers above it and integers below; a label that would touch its neighbour
  /// moves one row further from the line.
  static void numberLine(Section.NumberLine line, Markup page) {
    List<Section.LineMark> marks =
        line.marks().stream().sorted(Comparator.comparingDouble(Section.LineMark::at)).toList();
    if (marks.isEmpty()) {
      return;
    }
    double low = marks.getFirst().at();
    double high = marks.getLast().at();
    Scale x = new Scale(low, high > low ? high : low + 1, MARGIN, WIDTH - MARGIN, false);
    int[] rows = rows(marks, x);
    int most = Arrays.stream(rows).max().orElse(0) + 1;
    double axis = 14 + most * ROW;
    page.open(
        "svg",
        "viewBox",
        "0 0 " + Markup.number(WIDTH) + " " + Markup.number(2 * axis + 14),
        "role",
        "img",
        "aria-label",
        line.heading());
    page.leaf("line", "class", "axis", "x1", 8, "x2", WIDTH - 8, "y1", axis, "y2", axis);
    page.element("text", line.upper(), "class", "name", "x", 4, "y", axis - 8);
    page.element("text", line.lower(), "class", "name", "x", 4, "y", axis + 18);
    for (int i = 0; i < marks.size(); i++) {
      Section.LineMark mark = marks.get(i);
      double at = x.at(mark.at());
      double away = rows[i] * ROW;
      page.leaf(
          "line",
          "class",
          "axis",
          "x1",
          at,
          "x2",
          at,
          "y1",
          axis - 4 - away,
          "y2",
          axis + 4 + away);
      page.element("text", mark.above(), "class", "mid value", "x", at, "y", axis - 8 - away);
      page.element("text", mark.below(), "class", "mid", "x", at, "y", axis + 18 + away);
    }
    page.close();
  }

  private static int[] rows(List<Section.LineMark> marks, Scale x) {
    int[] rows = new int[marks.size()];
    double[] ends = new double[marks.size() + 1];
    for (int i = 0; i < rows.length; i++) {
      Section.LineMark mark = marks.get(i);
      double half = Math.max(mark.above().length(), mark.below().length()) * CHARACTER / 2;
      int row = 0;
      while (ends[row] > x.at(mark.at()) - half) {
        row++;
      }
      rows[i] = row;
      ends[row] = x.at(mark.at()) + half + CHARACTER;
    }
    return rows;
  }

  /// A box per bit: sign, exponent and mantissa in three colours.
  static void bitFields(Section.BitFields fields, Markup page) {
    int most =
        fields.rows().stream()
            .mapToInt(
                row -> row.sign().length() + row.exponent().length() + row.mantissa().length())
            .max()
            .orElse(0);
    double width = NAMES + (most + 1) * BIT;
    page.open("p", "class", "legend");
    legend("sign", "c2", page);
    legend("exponent", "c3", page);
    legend("mantissa", "c4", page);
    page.close();
    page.open(
        "svg",
        "viewBox",
        "0 0 " + Markup.number(width) + " " + Markup.number(fields.rows().size() * 26 + 4),
        "role",
        "img",
        "aria-label",
        fields.heading());
    for (int i = 0; i < fields.rows().size(); i++) {
      Section.BitRow row = fields.rows().get(i);
      double top = i * 26 + 2;
      page.element("text", row.name(), "class", "end", "x", NAMES - 10, "y", top + 14);
      double left = boxes(row.sign(), "c2", NAMES, top, page);
      left = boxes(row.exponent(), "c3", left, top, page);
      boxes(row.mantissa(), "c4", left, top, page);
    }
    page.close();
  }

  private static void legend(String name, String colour, Markup page) {
    page.open("span").element("i", "", "class", colour).text(name).close();
  }

  private static double boxes(String bits, String colour, double left, double top, Markup page) {
    for (int i = 0; i < bits.length(); i++) {
      page.leaf(
          "rect",
          "class",
          "bar " + colour,
          "opacity",
          bits.charAt(i) == '1' ? 0.55 : 0.2,
          "x",
          left + i * BIT,
          "y",
          top,
          "width",
          BIT - 2,
          "height",
          20,
          "rx",
          2);
      page.element(
          "text",
          bits.substring(i, i + 1),
          "class",
          "mid value",
          "x",
          left + i * BIT + (BIT - 2) / 2,
          "y",
          top + 14);
    }
    return left + bits.length() * BIT;
  }
}
