package dev.fettle.cli;

import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.Report.Fact;
import dev.fettle.evaluate.report.Section;
import dev.fettle.evaluate.report.Section.Column;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.TensorReport;
import dev.fettle.quantize.WeightDetails;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The report of `fettle quantize --report`: errors per layer and per tensor, outliers, and the
/// weights before and after.
final class QuantizePage {
  private static final Pattern MODULE = Pattern.compile("model\\.layers\\.(\\d+)\\.(.*)");

  private static final char NO_BREAK_SPACE = '\u00a0';

  private final QuantizeReport report;
  private final List<Row> rows;

  private record Row(int layer, String kind, TensorReport tensor, WeightDetails details) {
    double squaredError() {
      return tensor.error().mse() * details.count();
    }
  }

  private QuantizePage(QuantizeReport report, Map<String, WeightDetails> details) {
    this.report = report;
    this.rows = report.tensors().stream().map(tensor -> row(tensor, details)).toList();
  }

  /// @param details by full path of the layer
  static Report of(String model, QuantizeReport report, Map<String, WeightDetails> details) {
    return new QuantizePage(report, details).page(model);
  }

  private static Row row(TensorReport tensor, Map<String, WeightDetails> details) {
    String module = tensor.name().replaceFirst("\\.weight$", "");
    Matcher matcher = MODULE.matcher(module);
    boolean inBlock = matcher.matches();
    return new Row(
        inBlock ? Integer.parseInt(matcher.group(1)) : -1,
        inBlock ? matcher.group(2) : module,
        tensor,
        Objects.requireNonNull(details.get(module), module));
  }

  private Report page(String model) {
    Row worst =
        rows.stream()
            .min(Comparator.comparingDouble(r -> r.tensor().error().sqnrDb()))
            .orElseThrow();
    long outliers = rows.stream().mapToLong(r -> r.details().outliers()).sum();
    List<Section> sections = new ArrayList<>();
    sections.add(layers());
    sections.add(curves());
    sections.add(tensors());
    sections.addAll(distributions());
    return new Report(
        "Quantized: " + model,
        "%s in %d layers: %s weights of %s became %s."
            .formatted(
                report.schemes(),
                rows.size(),
                Units.count(report.parameters()),
                Units.bytes(report.inputBytes()),
                Units.bytes(report.outputBytes())),
        List.of(
            new Fact(Units.fixed(report.bitsPerWeight(), 2), "bits per weight, all tensors"),
            new Fact(Units.fixed(report.bitsPerQuantizedWeight(), 2), "bits per quantized weight"),
            new Fact(Units.bytes(report.outputBytes()), "size"),
            new Fact(Units.duration(report.seconds()), "time"),
            new Fact(
                decibel(worst.tensor().error().sqnrDb()) + " dB",
                "lowest SQNR: " + worst.tensor().name()),
            new Fact(Units.count(outliers), "weights beyond 6 deviations")),
        sections);
  }

  private Section layers() {
    Map<Integer, List<Row>> byLayer = new TreeMap<>();
    rows.forEach(row -> byLayer.computeIfAbsent(row.layer(), _ -> new ArrayList<>()).add(row));
    List<List<String>> cells = new ArrayList<>();
    byLayer.forEach((layer, members) -> {
      long weights = members.stream().mapToLong(r -> r.details().count()).sum();
      double error = members.stream().mapToDouble(Row::squaredError).sum();
      double energy = members.stream().mapToDouble(r -> r.details().sumOfSquares()).sum();
      long bytes = members.stream().mapToLong(r -> r.tensor().outputBytes()).sum();
      cells.add(
          List.of(
              Integer.toString(layer),
              Units.count(weights),
              Units.fixed(8.0 * bytes / weights, 2),
              Units.scientific(error / weights),
              decibel(10 * Math.log10(energy / error)),
              Units.scientific(
                  members.stream().mapToDouble(r -> r.tensor().error().maxAbs()).max().orElse(0)),
              Units.count(members.stream().mapToLong(r -> r.details().outliers()).sum()),
              Units.duration(members.stream().mapToDouble(r -> r.details().seconds()).sum())));
    });
    return new Section.Table(
        "Layers",
        "All linear layers of a decoder block together.",
        List.of(
            new Column("layer", true),
            new Column("weights", true),
            new Column("bits/weight", true),
            new Column("MSE", true),
            new Column("SQNR dB", true),
            new Column("max error", true),
            new Column("outliers", true),
            new Column("time", true)),
        cells);
  }

  private Section curves() {
    Map<String, List<Section.Point>> series = new LinkedHashMap<>();
    for (Row row : rows) {
      series
          .computeIfAbsent(row.kind(), _ -> new ArrayList<>())
          .add(new Section.Point(row.layer(), row.tensor().error().sqnrDb()));
    }
    return new Section.Lines(
        "Signal to quantization noise",
        "10 · log10(Σw² / Σ(w − q)²); 6 dB more is one bit more.",
        new Section.Axis("layer", false),
        new Section.Axis("SQNR dB", false),
        series.entrySet().stream()
            .map(e ->
                new Section.Series(
                    e.getKey(),
                    e.getValue().stream()
                        .sorted(Comparator.comparingDouble(Section.Point::x))
                        .toList()))
            .toList());
  }

  private Section tensors() {
    List<List<String>> cells = new ArrayList<>();
    for (Row row : rows) {
      TensorReport tensor = row.tensor();
      cells.add(
          List.of(
              Integer.toString(row.layer()),
              row.kind(),
              tensor.shape().toString().replace(' ', NO_BREAK_SPACE),
              tensor.scheme().toString(),
              Units.fixed(tensor.bitsPerWeight(), 2),
              Units.scientific(tensor.error().mse()),
              decibel(tensor.error().sqnrDb()),
              String.format(Locale.ROOT, "%.6f", tensor.error().cosine()),
              Units.scientific(tensor.error().maxAbs()),
              Units.fixed(row.details().kurtosis(), 2),
              Units.count(row.details().outliers()),
              Units.duration(row.details().seconds())));
    }
    return new Section.Table(
        "Tensors",
        "Outliers lie more than 6 standard deviations from the mean. A kurtosis of 3 is that of a normal distribution; more means heavier tails, which cost precision where a scale is shared.",
        List.of(
            new Column("layer", true),
            new Column("weight", false),
            new Column("shape", false),
            new Column("scheme", false),
            new Column("bits/weight", true),
            new Column("MSE", true),
            new Column("SQNR dB", true),
            new Column("cosine", true),
            new Column("max error", true),
            new Column("kurtosis", true),
            new Column("outliers", true),
            new Column("time", true)),
        cells);
  }

  private List<Section> distributions() {
    Map<Integer, List<Section.Distribution>> byLayer = new TreeMap<>();
    for (Row row : rows) {
      WeightDetails d = row.details();
      byLayer
          .computeIfAbsent(row.layer(), _ -> new ArrayList<>())
          .add(new Section.Distribution(row.kind(), -d.limit(), d.limit(), d.before(), d.after()));
    }
    List<Section> sections = new ArrayList<>();
    byLayer.forEach((layer, distributions) ->
        sections.add(
            new Section.Distributions(
                "Weights of layer " + layer,
                "Heights are square roots of counts, so that the tails show.",
                "before",
                "after",
                distributions)));
    return sections;
  }

  private static String decibel(double value) {
    return Double.isInfinite(value) ? "∞" : Units.fixed(value, 1);
  }
}
