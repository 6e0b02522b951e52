package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.evaluate.Comparison;
import dev.fettle.evaluate.Evaluation;
import dev.fettle.evaluate.Evaluation.Candidate;
import dev.fettle.evaluate.Evaluation.Row;
import dev.fettle.evaluate.Perplexity;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.Work;
import dev.fettle.tensor.DType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle evaluate`: perplexity of one or several models.
@Command(
    name = "evaluate",
    header = "Measure perplexity on a text; several models side by side.",
    description = {
      "The text is cut into windows of --seq-length tokens that begin --stride apart. Each token is"
          + " scored once, with the tokens before it in its window as context.",
      "With --compare the first model is the reference that the others are measured against.",
      "--model and --adapter may be given several times; each adapter is put on the first model."
    },
    footer = "  fettle evaluate --model MODEL --model MODEL-nf4 --data text.txt --seq-length 256")
final class EvaluateVerb extends Verb {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description = "Model folder or GGUF file; repeat it to compare.")
  List<Path> models = List.of();

  @Option(
      names = "--adapter",
      paramLabel = "FOLDER",
      description =
          "PEFT adapter folder or GGUF adapter for the first model; with one model and one adapter only the two"
              + " together are measured.")
  List<Path> adapters = List.of();

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "UTF-8 text, or .jsonl, .json, .csv, .parquet with a column text.")
  Path data = Path.of("");

  @Option(
      names = "--seq-length",
      paramLabel = "N",
      description = "Tokens of a window (default: 512).")
  int seqLength = 512;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description = "Tokens between the starts of windows (default: --seq-length, no overlap).")
  @Nullable Integer stride;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Only the first N tokens of the text (default: all).")
  int maxTokens;

  @Option(
      names = "--compute-dtype",
      paramLabel = "DTYPE",
      description = "float32 or bfloat16 (default: each model's own).")
  @Nullable String computeDtype;

  @Option(
      names = "--compare",
      description =
          "Measure the others against the first model, the reference: KL divergence of the predictions and"
              + " the error after each block.")
  boolean compare;

  @Mixin ReportOption report = new ReportOption();

  @Mixin PlanOptions plan = new PlanOptions();

  EvaluateVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    if (report.wanted() && !compare) {
      throw usage("--report belongs to --compare");
    }
    for (Path model : models) {
      plan.check(
          console,
          model,
          new Work.Evaluation(
              computeDtype(), seqLength, maxTokens, WorkOptions.textBytes(data), beside(model)));
    }
    Answer answer = compare ? compare(console) : measure(console);
    plan.report(console);
    return new Answer(plan.add(answer.json()), answer.exitCode());
  }

  /// What the reference takes while another model is compared with it.
  private long beside(Path model) {
    boolean reference = model.equals(models.getFirst());
    return !compare || reference || !Files.exists(models.getFirst())
        ? 0
        : ModelSpec.of(models.getFirst()).loadedBytes(computeDtype());
  }

  private Answer compare(Console console) {
    if (stride != null && stride != seqLength) {
      throw usage("--compare reads windows one after the other; leave out --stride");
    }
    List<Comparison.Row> rows;
    try (EvaluationProgress progress = new EvaluationProgress(console)) {
      rows = Comparison.run(candidates(), data, seqLength, maxTokens, computeDtype(), progress);
    }
    ComparisonAnswer.print(rows, console.out());
    report.write(
        ComparisonPage.of(
            rows, "%s in windows of %d tokens.".formatted(data.getFileName(), seqLength)),
        console.out());
    return Answer.of(
        ComparisonAnswer.json(rows).put("data", data.toString()).put("seq_length", seqLength));
  }

  private @Nullable DType computeDtype() {
    return computeDtype == null ? null : DType.parse(computeDtype);
  }

  private Answer measure(Console console) {
    Perplexity.Options options =
        new Perplexity.Options(seqLength, stride == null ? seqLength : stride, maxTokens);
    List<Row> rows;
    try (EvaluationProgress progress = new EvaluationProgress(console)) {
      rows = Evaluation.run(candidates(), data, options, computeDtype(), progress);
    }
    print(console, options, rows);
    return Answer.of(json(options, rows));
  }

  private List<Candidate> candidates() {
    List<Candidate> candidates = new ArrayList<>();
    boolean together = models.size() == 1 && adapters.size() == 1;
    if (!together) {
      models.forEach(model -> candidates.add(new Candidate(model, null)));
    }
    adapters.forEach(adapter -> candidates.add(new Candidate(models.getFirst(), adapter)));
    return candidates;
  }

  private void print(Console console, Perplexity.Options options, List<Row> rows) {
    Table table =
        new Table()
            .left("model")
            .right("weights")
            .right("perplexity")
            .right("loss (nats)")
            .right("tokens")
            .right("tokens/s")
            .left("computed in");
    for (Row row : rows) {
      table.row(
          row.candidate().name(),
          Units.bytes(row.weightBytes()),
          Units.fixed(row.result().perplexity(), 4),
          Units.fixed(row.result().meanLoss(), 5),
          Units.count(row.result().tokens()),
          Units.fixed(row.tokensPerSecond(), 0),
          row.computeDtype().torchName());
    }
    table.print(console.out());
    console
        .out()
        .println(
            "%s, windows of %d tokens, stride %d"
                .formatted(data, options.seqLength(), options.stride()));
  }

  private ObjectNode json(Perplexity.Options options, List<Row> rows) {
    ObjectNode json = json(rows.getFirst());
    json.put("data", data.toString());
    json.put("seq_length", options.seqLength());
    json.put("stride", options.stride());
    ArrayNode models = json.putArray("models");
    rows.forEach(row -> models.add(json(row)));
    return json;
  }

  private static ObjectNode json(Row row) {
    Path adapter = row.candidate().adapter();
    return Json.object()
        .put("model", row.candidate().model().toString())
        .put("adapter", adapter == null ? null : adapter.toString())
        .put("perplexity", row.result().perplexity())
        .put("mean_loss", row.result().meanLoss())
        .put("tokens", row.result().tokens())
        .put("windows", row.result().windows())
        .put("weight_bytes", row.weightBytes())
        .put("compute_dtype", row.computeDtype().torchName())
        .put("seconds", row.seconds())
        .put("tokens_per_second", row.tokensPerSecond())
        .put("peak_resident_bytes", row.peakResidentBytes());
  }
}
