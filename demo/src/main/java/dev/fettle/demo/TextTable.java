package dev.fettle.demo;

import dev.fettle.evaluate.report.Section;
import java.util.ArrayList;
import java.util.List;

/// A table of text with aligned columns.
record TextTable(List<Section.Column> columns, List<List<String>> rows) {
  private static final String GAP = "  ";

  /// The heading, a rule, and one line per row.
  List<String> lines() {
    int[] widths = new int[columns.size()];
    for (int i = 0; i < widths.length; i++) {
      int column = i;
      widths[i] =
          rows.stream()
              .mapToInt(row -> length(row.get(column)))
              .reduce(length(columns.get(i).name()), Math::max);
    }
    List<String> lines = new ArrayList<>();
    lines.add(line(columns.stream().map(Section.Column::name).toList(), widths));
    lines.add("─".repeat(length(lines.getFirst())));
    rows.forEach(row -> lines.add(line(row, widths)));
    return lines;
  }

  private String line(List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder();
    for (int i = 0; i < widths.length; i++) {
      String padding = " ".repeat(widths[i] - length(cells.get(i)));
      line.append(i == 0 ? "" : GAP);
      line.append(columns.get(i).numeric() ? padding + cells.get(i) : cells.get(i) + padding);
    }
    return line.toString().stripTrailing();
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}
