package dev.fettle.quantize.explain;

import java.util.List;

/// One part of an [Explanation]; the heading may be empty.
public sealed interface Part {
  String heading();

  /// Sentences.
  record Text(String heading, List<String> paragraphs) implements Part {
    public Text {
      paragraphs = List.copyOf(paragraphs);
    }
  }

  /// Lines whose characters stand in columns: calculations, small matrices.
  record Steps(String heading, List<String> lines) implements Part {
    public Steps {
      lines = List.copyOf(lines);
    }
  }

  /// A table of ready-made cells, as many in each row as there are columns.
  record Table(String heading, List<Column> columns, List<List<String>> rows) implements Part {
    public Table {
      columns = List.copyOf(columns);
      rows = List.copyOf(rows);
    }
  }

  /// @param numeric right-aligned
  record Column(String name, boolean numeric) {
    static Column text(String name) {
      return new Column(name, false);
    }

    static Column number(String name) {
      return new Column(name, true);
    }
  }

  /// The stored bits of a number in several formats.
  record Bits(String heading, List<BitRow> rows) implements Part {
    public Bits {
      rows = List.copyOf(rows);
    }
  }

  /// @param sign one binary digit
  /// @param exponent binary digits of the exponent field
  /// @param mantissa binary digits of the mantissa field
  record BitRow(String format, String sign, String exponent, String mantissa) {}

  /// A line on which real numbers lie above and the integers that stand for them below.
  ///
  /// @param upper name of the real numbers
  /// @param lower name of the integers
  /// @param marks places on the line, in any order
  record NumberLine(String heading, String upper, String lower, List<Mark> marks) implements Part {
    public NumberLine {
      marks = List.copyOf(marks);
    }
  }

  /// @param at where on the line
  /// @param above label of the real number
  /// @param below label of the integer
  record Mark(double at, String above, String below) {}

  /// Lengths to compare by eye.
  record Bars(String heading, List<Bar> bars) implements Part {
    public Bars {
      bars = List.copyOf(bars);
    }
  }

  /// @param label the value as it is printed
  record Bar(String name, double value, String label) {}
}
