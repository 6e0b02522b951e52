package dev.fettle.cli;

import dev.fettle.evaluate.Comparison.Row;
import dev.fettle.evaluate.KlDistribution;
import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.Report.Fact;
import dev.fettle.evaluate.report.Section;
import dev.fettle.evaluate.report.Section.Column;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/// The report of `fettle evaluate --compare --report`.
final class ComparisonPage {
  private ComparisonPage() {}

  /// @param text what was read and how, for the summary
  static Report of(List<Row> rows, String text) {
    Row reference = rows.getFirst();
    List<Row> others = rows.subList(1, rows.size());
    Row best =
        others.stream().min((a, b) -> Double.compare(a.kl().mean(), b.kl().mean())).orElseThrow();
    List<Section> sections = new ArrayList<>();
    sections.add(table(rows));
    sections.add(bars(rows, others));
    sections.add(blocks(others));
    sections.add(divergences(others));
    return new Report(
        "Compared with " + name(reference),
        text
            + " Models: "
            + String.join(", ", rows.stream().map(row -> row.candidate().name()).toList())
            + ".",
        List.of(
            new Fact(Units.count(reference.kl().positions()), "positions"),
            new Fact(Units.fixed(reference.perplexity(), 3), "perplexity of the reference"),
            new Fact(Units.fixed(best.kl().mean(), 5), "lowest KL: " + name(best))),
        sections);
  }

  private static Section table(List<Row> rows) {
    List<List<String>> cells = new ArrayList<>();
    for (Row row : rows) {
      boolean reference = row.blocks().isEmpty();
      List<String> line = new ArrayList<>(ComparisonAnswer.cells(row));
      line.set(0, name(row));
      line.add(reference ? "–" : Units.fixed(row.kl().median(), 4));
      line.add(reference ? "–" : Units.fixed(row.kl().max(), 3));
      cells.add(line);
    }
    return new Section.Table(
        "Models",
        "KL is the Kullback–Leibler divergence of the next-token distribution from that of the reference, in nats per position. Same top-1 is the share of positions where both find the same token most likely.",
        List.of(
            new Column("model", false),
            new Column("bits/weight", true),
            new Column("size", true),
            new Column("perplexity", true),
            new Column("KL mean", true),
            new Column("KL 99 %", true),
            new Column("same top-1", true),
            new Column("tokens/s", true),
            new Column("KL median", true),
            new Column("KL max", true)),
        cells);
  }

  private static Section bars(List<Row> rows, List<Row> others) {
    return new Section.Bars(
        "Side by side",
        "",
        List.of(
            panel(
                "size (less is smaller)",
                rows,
                Row::weightBytes,
                r -> Units.bytes(r.weightBytes())),
            panel(
                "perplexity (less is better)",
                rows,
                Row::perplexity,
                r -> Units.fixed(r.perplexity(), 3)),
            panel(
                "KL mean (less is better)",
                others,
                r -> r.kl().mean(),
                r -> Units.fixed(r.kl().mean(), 5)),
            panel(
                "tokens/s (more is faster)",
                rows,
                Row::tokensPerSecond,
                r -> Units.fixed(r.tokensPerSecond(), 0))));
  }

  private static Section.Panel panel(
      String title, List<Row> rows, ToDoubleFunction<Row> value, Function<Row, String> label) {
    return new Section.Panel(
        title,
        rows.stream()
            .map(r -> new Section.Bar(shortName(r), value.applyAsDouble(r), label.apply(r)))
            .toList());
  }

  /// The last parts of the paths: the whole ones are as wide as the page.
  private static String name(Row row) {
    Path adapter = row.candidate().adapter();
    String model = String.valueOf(row.candidate().model().getFileName());
    return adapter == null ? model : model + " + " + adapter.getFileName();
  }

  /// As far as there is room for it beside a bar.
  private static String shortName(Row row) {
    String name = name(row);
    return name.length() <= 15 ? name : "…" + name.substring(name.length() - 14);
  }

  private static Section blocks(List<Row> others) {
    return new Section.Lines(
        "Where the difference arises",
        "Error of the hidden states after each block, Σ(h − h')² / Σh².",
        new Section.Axis("block", false),
        new Section.Axis("relative error", true),
        others.stream()
            .map(row ->
                new Section.Series(
                    name(row),
                    row.blocks().stream()
                        .map(b -> new Section.Point(b.block(), b.relativeError()))
                        .toList()))
            .toList());
  }

  private static Section divergences(List<Row> others) {
    return new Section.Lines(
        "Positions by their divergence",
        "Share of the positions in each bin; a quarter of a decade wide. A mean can hide a few positions that diverge by far.",
        new Section.Axis("KL divergence in nats", true),
        new Section.Axis("share of positions", false),
        others.stream().map(row -> new Section.Series(name(row), points(row.kl()))).toList());
  }

  private static List<Section.Point> points(KlDistribution kl) {
    List<Section.Point> points = new ArrayList<>();
    for (int bin = 0; bin < KlDistribution.BINS; bin++) {
      points.add(
          new Section.Point(
              Math.sqrt(KlDistribution.edge(bin) * KlDistribution.edge(bin + 1)),
              (double) kl.histogram().get(bin) / kl.positions()));
    }
    return points;
  }
}
