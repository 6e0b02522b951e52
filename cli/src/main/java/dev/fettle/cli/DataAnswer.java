package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetFindings;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.DatasetSummary;
import dev.fettle.text.LengthStatistics;
import dev.fettle.text.Sample;
import dev.fettle.text.Tokenizer;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle inspect --data` answers: how many samples, how long, what is learned of them.
///
/// @param packed the rows if samples share them, or null
record DataAnswer(
    Dataset dataset, @Nullable Dataset packed, DatasetOptions options, Tokenizer tokenizer) {
  private static final int BAR = 40;

  void print(int show, PrintStream out) {
    DatasetSummary summary = dataset.summary();
    out.println(summary);
    Table table = new Table().left("tokens").right("min").right("mean").right("p50").right("p90");
    table.right("p99").right("max");
    row(table, "per row", summary.lengths());
    row(table, "learned per row", summary.targets());
    table.print(out);
    out.println();
    histogram(summary.lengths(), out);
    if (packed != null) {
      out.println(
          "packed into %s rows, %s %% of them tokens"
              .formatted(
                  Units.count(packed.size()),
                  Units.fixed(
                      100.0 * summary.tokens() / ((double) packed.size() * options.seqLength()),
                      1)));
    }
    warnings().forEach(warning -> out.println("warning: " + warning));
    for (int i = 0; i < Math.min(show, dataset.size()); i++) {
      out.println();
      out.println(dataset.origin(i) + ", what is learned in [[ ]]:");
      out.println(marked(dataset.get(i)));
    }
  }

  private List<String> warnings() {
    return dataset.summary().findings().warnings(options.seqLength());
  }

  private static void row(Table table, String name, LengthStatistics lengths) {
    table.row(
        name,
        Units.count(lengths.min()),
        Units.fixed(lengths.mean(), 1),
        Units.count(lengths.p50()),
        Units.count(lengths.p90()),
        Units.count(lengths.p99()),
        Units.count(lengths.max()));
  }

  private static void histogram(LengthStatistics lengths, PrintStream out) {
    int most = lengths.histogram().stream().mapToInt(LengthStatistics.Bin::count).max().orElse(1);
    Table table = new Table().right("tokens").right("rows").left("");
    for (LengthStatistics.Bin bin : lengths.histogram()) {
      table.row(
          bin.from() + "-" + bin.to(),
          Units.count(bin.count()),
          "#".repeat((int) Math.ceil((double) BAR * bin.count() / most)));
    }
    table.print(out);
    out.println();
  }

  /// The text of a sample, special tokens included, with marks around what is learned.
  private String marked(Sample sample) {
    StringBuilder text = new StringBuilder();
    int at = 0;
    while (at < sample.length()) {
      int start = at;
      boolean learned = sample.labels()[at] != Sample.IGNORE;
      at =
          IntStream.range(start, sample.length())
              .filter(i -> (sample.labels()[i] != Sample.IGNORE) != learned)
              .findFirst()
              .orElse(sample.length());
      String part = tokenizer.decode(Arrays.copyOfRange(sample.ids(), start, at), false);
      text.append(learned ? "[[" + part + "]]" : part);
    }
    return text.toString();
  }

  ObjectNode json() {
    DatasetSummary summary = dataset.summary();
    ObjectNode json =
        Json.object()
            .put("samples", summary.samples())
            .put("tokens", summary.tokens())
            .put("target_tokens", summary.targetTokens())
            .put("seq_length", options.seqLength());
    if (packed != null) {
      json.put("packed_rows", packed.size());
    }
    json.set("lengths", json(summary.lengths()));
    json.set("targets", json(summary.targets()));
    DatasetFindings findings = summary.findings();
    json.set(
        "findings",
        Json.object()
            .put("rows", findings.rows())
            .put("truncated", findings.truncated())
            .put("answers_cut", findings.answersCut())
            .put("answers_lost", findings.answersLost())
            .put("answers_unseen", findings.answersUnseen())
            .put("too_long", findings.tooLong())
            .put("empty", findings.empty())
            .put("duplicates", findings.duplicates())
            .put("left_out", findings.leftOut()));
    ArrayNode warnings = json.putArray("warnings");
    warnings().forEach(warnings::add);
    return json;
  }

  private static ObjectNode json(LengthStatistics lengths) {
    ObjectNode json =
        Json.object()
            .put("min", lengths.min())
            .put("mean", lengths.mean())
            .put("p50", lengths.p50())
            .put("p90", lengths.p90())
            .put("p99", lengths.p99())
            .put("max", lengths.max());
    ArrayNode histogram = json.putArray("histogram");
    for (LengthStatistics.Bin bin : lengths.histogram()) {
      histogram.addObject().put("from", bin.from()).put("to", bin.to()).put("rows", bin.count());
    }
    return json;
  }
}
