package dev.fettle.cli;

import dev.fettle.quantize.explain.Explanation;
import dev.fettle.quantize.explain.Part;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/// An explanation for a terminal: text in lines of its width, tables, and pictures of characters.
final class ExplanationText {
  private static final int BAR_WIDTH = 48;

  private final PrintStream out;
  private final int width;

  /// @param width characters in a line of text
  ExplanationText(PrintStream out, int width) {
    this.out = out;
    this.width = width;
  }

  void print(Explanation explanation) {
    boolean first = true;
    for (Part part : explanation.parts()) {
      if (!first) {
        out.println();
      }
      first = false;
      if (!part.heading().isEmpty()) {
        out.println(part.heading());
      }
      switch (part) {
        case Part.Text text -> text.paragraphs().forEach(this::paragraph);
        case Part.Steps steps -> steps.lines().forEach(line -> out.println("  " + line));
        case Part.Table table -> table(table);
        case Part.Bits bits -> bits(bits);
        case Part.NumberLine line -> NumberLineText.lines(line, width).forEach(out::println);
        case Part.Bars bars -> bars(bars);
      }
    }
  }

  private void paragraph(String text) {
    StringBuilder line = new StringBuilder();
    for (String word : text.split(" ")) {
      if (!line.isEmpty() && line.length() + 1 + word.length() > width) {
        out.println(line);
        line.setLength(0);
      }
      line.append(line.isEmpty() ? "" : " ").append(word);
    }
    out.println(line);
  }

  private void table(Part.Table table) {
    Table printed = new Table();
    for (Part.Column column : table.columns()) {
      if (column.numeric()) {
        printed.right(column.name());
      } else {
        printed.left(column.name());
      }
    }
    table.rows().forEach(row -> printed.row(row.toArray(String[]::new)));
    printed.print(out);
  }

  private void bits(Part.Bits bits) {
    Table printed = new Table().left("").left("sign").left("exponent").left("mantissa");
    for (Part.BitRow row : bits.rows()) {
      printed.row(row.format(), row.sign(), row.exponent(), row.mantissa());
    }
    printed.print(out);
  }

  private void bars(Part.Bars bars) {
    double largest = bars.bars().stream().mapToDouble(Part.Bar::value).max().orElse(0);
    List<String> pictures = new ArrayList<>();
    for (Part.Bar bar : bars.bars()) {
      double share = largest > 0 ? bar.value() / largest : 0;
      pictures.add("█".repeat(Math.max(1, (int) Math.round(share * BAR_WIDTH))));
    }
    int names = bars.bars().stream().mapToInt(bar -> bar.name().length()).max().orElse(0);
    for (int i = 0; i < pictures.size(); i++) {
      Part.Bar bar = bars.bars().get(i);
      String padding = " ".repeat(names - bar.name().length());
      out.println("  " + bar.name() + padding + " " + pictures.get(i) + " " + bar.label());
    }
  }
}
