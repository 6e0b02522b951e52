package dev.fettle.evaluate.report;

import java.util.Arrays;
import java.util.List;

/// One titled part of a [Report].
public sealed interface Section {
  String heading();

  /// Running text.
  record Text(String heading, List<String> paragraphs) implements Section {
    public Text {
      paragraphs = List.copyOf(paragraphs);
    }
  }

  /// Commands or other preformatted lines, each with a remark (may be empty).
  record Commands(String heading, String note, List<Command> commands) implements Section {
    public Commands {
      commands = List.copyOf(commands);
    }
  }

  record Command(String line, String remark) {}

  /// A table of ready-made strings.
  ///
  /// @param rows as many cells each as there are columns
  record Table(String heading, String note, List<Column> columns, List<List<String>> rows)
      implements Section {
    public Table {
      columns = List.copyOf(columns);
      rows = List.copyOf(rows);
      for (List<String> row : rows) {
        if (row.size() != columns.size()) {
          throw new IllegalArgumentException(
              "row of " + row.size() + " cells in a table of " + columns.size() + " columns");
        }
      }
    }
  }

  /// @param numeric right-aligned with figures of equal width
  record Column(String name, boolean numeric) {}

  /// Shares (0 to 1) by row and column, shaded.
  ///
  /// @param values `values.get(row).get(column)`; NaN where nothing was measured
  record Shares(
      String heading,
      String note,
      List<String> columns,
      List<String> rows,
      List<List<Double>> values)
      implements Section {
    public Shares {
      columns = List.copyOf(columns);
      rows = List.copyOf(rows);
      values = List.copyOf(values);
      for (List<Double> row : values) {
        if (row.size() != columns.size()) {
          throw new IllegalArgumentException(
              "row of " + row.size() + " shares in a table of " + columns.size() + " columns");
        }
      }
      if (rows.size() != values.size()) {
        throw new IllegalArgumentException(
            rows.size() + " row names for " + values.size() + " rows");
      }
    }
  }

  /// Curves over a common axis, for example the loss over the training steps. Points that are not
  /// finite are left out.
  record Lines(String heading, String note, Axis x, Axis y, List<Series> series)
      implements Section {
    public Lines {
      series = List.copyOf(series);
    }
  }

  /// @param log logarithmic; values that are not positive are left out
  record Axis(String label, boolean log) {}

  record Series(String name, List<Point> points) {
    public Series {
      points = List.copyOf(points);
    }
  }

  record Point(double x, double y) {}

  /// Bar charts side by side, one panel per measure, the same names in each.
  record Bars(String heading, String note, List<Panel> panels) implements Section {
    public Bars {
      panels = List.copyOf(panels);
    }
  }

  /// @param title the measure with its unit and which direction is better
  record Panel(String title, List<Bar> bars) {
    public Panel {
      bars = List.copyOf(bars);
    }
  }

  /// @param label the value as it is printed
  record Bar(String name, double value, String label) {}

  /// Counts over equal bins.
  ///
  /// @param low left edge of the first bin
  /// @param high right edge of the last bin
  record Histogram(
      String heading, String note, String label, double low, double high, List<Long> counts)
      implements Section {
    public Histogram {
      counts = List.copyOf(counts);
    }

    /// Bins the finite values over their whole range.
    ///
    /// @throws IllegalArgumentException when no value is finite or `bins` is not positive
    public static Histogram of(
        String heading, String note, String label, double[] values, int bins) {
      if (bins <= 0) {
        throw new IllegalArgumentException("bins must be positive, got " + bins);
      }
      double low = Double.POSITIVE_INFINITY;
      double high = Double.NEGATIVE_INFINITY;
      for (double value : values) {
        if (Double.isFinite(value)) {
          low = Math.min(low, value);
          high = Math.max(high, value);
        }
      }
      if (low > high) {
        throw new IllegalArgumentException("no finite value to count for \"" + heading + "\"");
      }
      Long[] counts = new Long[bins];
      Arrays.fill(counts, 0L);
      double width = high > low ? (high - low) / bins : 1;
      for (double value : values) {
        if (Double.isFinite(value)) {
          counts[Math.min(bins - 1, (int) ((value - low) / width))]++;
        }
      }
      return new Histogram(heading, note, label, low, low + width * bins, List.of(counts));
    }
  }

  /// Questions with what several models answered.
  ///
  /// @param models column names
  record Answers(String heading, String note, List<String> models, List<Asked> asked)
      implements Section {
    public Answers {
      models = List.copyOf(models);
      asked = List.copyOf(asked);
    }
  }

  /// @param answers one per model
  record Asked(String question, String expected, List<Answer> answers) {
    public Asked {
      answers = List.copyOf(answers);
    }
  }

  record Answer(String text, boolean correct) {}

  /// A line with real numbers above and the integers that stand for them below.
  ///
  /// @param upper name of what stands above, `lower` of what stands below
  record NumberLine(String heading, String note, String upper, String lower, List<LineMark> marks)
      implements Section {
    public NumberLine {
      marks = List.copyOf(marks);
    }
  }

  /// @param at where on the line
  record LineMark(double at, String above, String below) {}

  /// The bits of numbers in floating-point formats, box by box.
  record BitFields(String heading, String note, List<BitRow> rows) implements Section {
    public BitFields {
      rows = List.copyOf(rows);
    }
  }

  /// Binary digits of the three fields.
  record BitRow(String name, String sign, String exponent, String mantissa) {}

  /// Pairs of histograms over equal bins, before something was done and after it, panel by panel.
  ///
  /// @param before name of what is drawn as an area, `after` of what is drawn as a line
  record Distributions(
      String heading, String note, String before, String after, List<Distribution> distributions)
      implements Section {
    public Distributions {
      distributions = List.copyOf(distributions);
    }
  }

  /// @param low left edge of the first bin
  /// @param high right edge of the last bin
  record Distribution(String name, double low, double high, List<Long> before, List<Long> after) {
    public Distribution {
      before = List.copyOf(before);
      after = List.copyOf(after);
    }
  }
}
