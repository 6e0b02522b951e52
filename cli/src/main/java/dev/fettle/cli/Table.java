package dev.fettle.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/// Rows in aligned columns, two spaces apart.
final class Table {
  /// A column of text is aligned left, a column of numbers right.
  enum Align {
    LEFT,
    RIGHT
  }

  private static final String GAP = "  ";

  private final List<String> heads = new ArrayList<>();
  private final List<Align> aligns = new ArrayList<>();
  private final List<List<String>> rows = new ArrayList<>();

  Table left(String head) {
    return column(head, Align.LEFT);
  }

  Table right(String head) {
    return column(head, Align.RIGHT);
  }

  private Table column(String head, Align align) {
    heads.add(head);
    aligns.add(align);
    return this;
  }

  Table row(String... cells) {
    if (cells.length != heads.size()) {
      throw new IllegalArgumentException(cells.length + " cells in " + heads.size() + " columns");
    }
    rows.add(List.of(cells));
    return this;
  }

  void print(PrintStream out) {
    List<Integer> widths = new ArrayList<>();
    for (int column = 0; column < heads.size(); column++) {
      widths.add(width(column));
    }
    out.println(line(heads, widths));
    rows.forEach(row -> out.println(line(row, widths)));
  }

  private int width(int column) {
    int width = heads.get(column).length();
    for (List<String> row : rows) {
      width = Math.max(width, row.get(column).length());
    }
    return width;
  }

  private String line(List<String> cells, List<Integer> widths) {
    StringBuilder line = new StringBuilder();
    for (int column = 0; column < cells.size(); column++) {
      String cell = cells.get(column);
      String padding = " ".repeat(widths.get(column) - cell.length());
      line.append(column == 0 ? "" : GAP);
      line.append(
          switch (aligns.get(column)) {
            case LEFT -> cell + padding;
            case RIGHT -> padding + cell;
          });
    }
    return line.toString().stripTrailing();
  }
}
