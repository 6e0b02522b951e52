package dev.fettle.cli;

import dev.fettle.quantize.explain.Part;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// A number line of characters: real numbers above, integers below. Labels that would touch stand
/// in further rows.
final class NumberLineText {
  private static final int MAX_WIDTH = 96;

  private NumberLineText() {}

  /// @param width characters of a line
  static List<String> lines(Part.NumberLine line, int width) {
    List<Part.Mark> marks =
        line.marks().stream().sorted(Comparator.comparingDouble(Part.Mark::at)).toList();
    int margin = Math.max(line.upper().length(), line.lower().length()) + 3;
    int length = Math.min(width, MAX_WIDTH) - margin;
    int side = marks.stream().mapToInt(NumberLineText::labelWidth).max().orElse(0) / 2 + 1;
    double low = marks.getFirst().at();
    double span = Math.max(marks.getLast().at() - low, Double.MIN_NORMAL);
    StringBuilder axis = new StringBuilder("─".repeat(length));
    List<StringBuilder> above = new ArrayList<>();
    List<StringBuilder> below = new ArrayList<>();
    for (Part.Mark mark : marks) {
      int at = side + (int) Math.round((mark.at() - low) / span * (length - 1 - 2 * side));
      axis.setCharAt(at, '┼');
      int row = freeRow(above, below, mark, at);
      put(above, row, mark.above(), at);
      put(below, row, mark.below(), at);
    }
    List<String> lines = new ArrayList<>();
    above
        .reversed()
        .forEach(
            text -> lines.add(named(text == above.getFirst() ? line.upper() : "", margin) + text));
    lines.add(" ".repeat(margin) + axis);
    below.forEach(
        text -> lines.add(named(text == below.getFirst() ? line.lower() : "", margin) + text));
    return lines;
  }

  private static String named(String name, int margin) {
    return " " + name + " ".repeat(margin - 1 - name.length());
  }

  private static int labelWidth(Part.Mark mark) {
    return Math.max(mark.above().length(), mark.below().length());
  }

  private static int freeRow(
      List<StringBuilder> above, List<StringBuilder> below, Part.Mark mark, int at) {
    int row = 0;
    while (row < above.size()
        && (above.get(row).length() >= start(mark.above(), at)
            || below.get(row).length() >= start(mark.below(), at))) {
      row++;
    }
    return row;
  }

  /// Where a label begins that is centred below or above a place.
  private static int start(String label, int at) {
    return at - label.length() / 2;
  }

  private static void put(List<StringBuilder> rows, int row, String label, int at) {
    if (row == rows.size()) {
      rows.add(new StringBuilder());
    }
    StringBuilder line = rows.get(row);
    line.append(" ".repeat(Math.max(0, start(label, at) - line.length()))).append(label);
  }
}
