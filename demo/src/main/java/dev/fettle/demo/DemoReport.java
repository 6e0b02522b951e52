package dev.fettle.demo;

import dev.fettle.checkpoint.Json;
import dev.fettle.demo.world.World;
import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.Section;
import dev.fettle.finetune.RunRecord;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.TensorReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Turns what the demo measured into a page, lines for a terminal, and JSON.
///
/// @param weights of the base model
/// @param proseTokens of the held-out prose
/// @param measured the base first
/// @param runs the fine-tuning runs
/// @param quantized the quantization reports
/// @param seconds of the whole demo
record DemoReport(
    Workspace workspace,
    long weights,
    int proseTokens,
    List<Measured> measured,
    List<Run> runs,
    List<QuantizeReport> quantized,
    double seconds) {
  private static final List<Section.Column> COLUMNS =
      List.of(
          new Section.Column("model", false),
          new Section.Column("weights", false),
          new Section.Column("bits/weight", true),
          new Section.Column("size", true),
          new Section.Column("perplexity", true),
          new Section.Column("KL to base", true),
          new Section.Column("answers right", true));

  /// @param name such as `QLoRA`
  record Run(String name, RunRecord record) {}

  /// Whether all fine-tuned models (those after the quantized ones) beat the base.
  boolean improved() {
    return tuned().stream().allMatch(row -> row.accuracy() > base().accuracy());
  }

  private Measured base() {
    return measured.getFirst();
  }

  private List<Measured> tuned() {
    return measured.subList(1 + quantized.size(), measured.size());
  }

  private double bestAccuracy() {
    return tuned().stream().mapToDouble(Measured::accuracy).max().orElse(Double.NaN);
  }

  Report page() {
    return new Report(
        "Fettle demo",
        String.format(
            Locale.ROOT,
            "A language model of %.1f million weights, trained by Fettle on text that Fettle wrote, was"
                + " quantized, fine-tuned with LoRA and with QLoRA, merged, and asked %d questions that"
                + " it had never seen.",
            weights / 1e6,
            base().answers().size()),
        List.of(
            new Report.Fact(
                percent(base().accuracy()) + " → " + percent(bestAccuracy()), "answers right"),
            new Report.Fact(
                String.format(
                    Locale.ROOT, "16 → %.1f", quantized.getLast().bitsPerQuantizedWeight()),
                "bits per weight in NF4 layers"),
            new Report.Fact(String.format(Locale.ROOT, "%.0f s", seconds), "for everything")),
        sections());
  }

  private List<Section> sections() {
    List<Section> sections = new ArrayList<>();
    sections.add(
        new Section.Table(
            "Models",
            "Perplexity and Kullback–Leibler divergence over "
                + proseTokens
                + " tokens of held-out prose in windows of "
                + Examiner.CONTEXT
                + ". Size counts all tensors; the embedding stays in 16 bits, which weighs more in"
                + " so small a model. Answers are right only if every character is.",
            COLUMNS,
            rows()));
    sections.add(
        new Section.Bars(
            "At a glance",
            "",
            List.of(
                panel("size in MB", row -> row.bytes() / 1e6, "%.2f"),
                panel("perplexity of the prose (lower is better)", Measured::perplexity, "%.3f"),
                panel("answers right in % (higher is better)", r -> 100 * r.accuracy(), "%.0f"))));
    sections.add(losses());
    sections.add(topics());
    sections.add(samples());
    sections.add(quantizationError());
    sections.add(
        new Section.Commands(
            "With a model of your own",
            "Any folder with a Llama-architecture model in Hugging Face layout takes the place of MODEL.",
            next()));
    return sections;
  }

  private Section losses() {
    List<Section.Series> series = new ArrayList<>();
    for (Run run : runs) {
      List<Section.Point> points = new ArrayList<>();
      for (int i = 0; i < run.record().losses().size(); i++) {
        points.add(new Section.Point(i + 1, run.record().losses().get(i)));
      }
      series.add(new Section.Series(run.name(), points));
    }
    for (Run run : runs) {
      series.add(
          new Section.Series(
              run.name() + ", held-out questions",
              run.record().validationLosses().stream()
                  .map(loss -> new Section.Point(loss.step(), loss.loss()))
                  .toList()));
    }
    return new Section.Lines(
        "Fine-tuning",
        "Mean loss over the answer tokens of each step, in nats. QLoRA trains the same adapter on"
            + " the NF4 base.",
        new Section.Axis("step", false),
        new Section.Axis("loss", true),
        series);
  }

  private Section topics() {
    List<String> names = World.topics();
    List<List<Double>> values = new ArrayList<>();
    for (String topic : names) {
      values.add(
          measured.stream().map(row -> Exam.byTopic(row.answers(), names).get(topic)).toList());
    }
    return new Section.Shares(
        "Answers right by topic",
        "",
        measured.stream().map(Measured::name).toList(),
        names,
        values);
  }

  private Section quantizationError() {
    List<Section.Series> series = new ArrayList<>();
    for (QuantizeReport report : quantized) {
      List<Section.Point> points = new ArrayList<>();
      for (TensorReport tensor : report.tensors()) {
        points.add(new Section.Point(points.size() + 1, tensor.error().sqnrDb()));
      }
      series.add(new Section.Series(report.scheme().toString(), points));
    }
    return new Section.Lines(
        "Quantization error",
        "Signal-to-quantization-noise ratio of each weight matrix, in the order of the model. 6 dB"
            + " are about one bit.",
        new Section.Axis("matrix", false),
        new Section.Axis("SQNR, dB", false),
        series);
  }

  /// The first test question of each topic, so that nobody picks.
  private Section.Answers samples() {
    List<Section.Asked> asked = new ArrayList<>();
    for (String topic : World.topics()) {
      for (int i = 0; i < base().answers().size(); i++) {
        Exam.Given first = base().answers().get(i);
        if (first.question().topic().equals(topic)) {
          int at = i;
          asked.add(
              new Section.Asked(
                  first.question().text(),
                  first.question().answer(),
                  measured.stream()
                      .filter(row -> row == base() || tuned().contains(row))
                      .map(row -> row.answers().get(at))
                      .map(given -> new Section.Answer(given.text(), given.correct()))
                      .toList()));
          break;
        }
      }
    }
    List<String> models = new ArrayList<>(List.of(base().name()));
    tuned().forEach(row -> models.add(row.name()));
    return new Section.Answers(
        "Answers before and after", "The first test question of each topic.", models, asked);
  }

  private List<Section.Command> next() {
    return List.of(
        new Section.Command(
            "./fettle chat --model " + workspace.folder("merged"),
            "Talk to what was trained here."),
        new Section.Command(
            "./fettle quantize --model MODEL --quant-type nf4 --double-quant --output MODEL-nf4",
            "Quantize."),
        new Section.Command(
            "./fettle finetune --model MODEL --data questions.jsonl --method qlora --lora-r 16"
                + " --lora-alpha 32 --target-modules all-linear --output ADAPTER",
            "Fine-tune; each line of the data is {\"prompt\": …, \"completion\": …}."),
        new Section.Command(
            "./fettle merge --model MODEL --adapter ADAPTER --output MERGED", "Merge."));
  }

  private Section.Panel panel(String title, ToDoubleFunction<Measured> value, String format) {
    Function<Measured, Section.Bar> bar =
        row -> {
          double number = value.applyAsDouble(row);
          return new Section.Bar(row.name(), number, String.format(Locale.ROOT, format, number));
        };
    return new Section.Panel(title, measured.stream().map(bar).toList());
  }

  private List<List<String>> rows() {
    return measured.stream()
        .map(row ->
            List.of(
                row.name(),
                row.weights(),
                String.format(Locale.ROOT, "%.2f", row.bitsPerWeight()),
                String.format(Locale.ROOT, "%.2f MB", row.bytes() / 1e6),
                String.format(Locale.ROOT, "%.3f", row.perplexity()),
                row == base() ? "–" : String.format(Locale.ROOT, "%.4f", row.divergence()),
                percent(row.accuracy())))
        .toList();
  }

  DemoResult result() {
    List<String> samples = new ArrayList<>();
    for (Section.Asked asked : samples().asked()) {
      samples.add(asked.question());
      samples.add("  before: " + asked.answers().getFirst().text());
      samples.add("  after:  " + asked.answers().get(1).text());
    }
    return new DemoResult(
        new TextTable(COLUMNS, rows()).lines(),
        verdict(),
        samples,
        next().stream().map(Section.Command::line).toList(),
        workspace.report(),
        json(),
        improved(),
        base().accuracy(),
        bestAccuracy(),
        seconds);
  }

  private String verdict() {
    return String.format(
        Locale.ROOT,
        "%s: of %d questions the base answers %s right, the best fine-tuned model %s. %.0f seconds in all.",
        improved() ? "Fine-tuning worked" : "Fine-tuning did not improve every model",
        base().answers().size(),
        percent(base().accuracy()),
        percent(bestAccuracy()),
        seconds);
  }

  private ObjectNode json() {
    ObjectNode root =
        Json.object()
            .put("improved", improved())
            .put("seconds", seconds)
            .put("questions", base().answers().size())
            .put("report", workspace.report().toString());
    ArrayNode models = root.putArray("models");
    for (Measured row : measured) {
      models
          .addObject()
          .put("name", row.name())
          .put("weights", row.weights())
          .put("bytes", row.bytes())
          .put("bits_per_weight", row.bitsPerWeight())
          .put("perplexity", row.perplexity())
          .put("kl_to_base", row.divergence())
          .put("accuracy", row.accuracy());
    }
    return root;
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f%%", 100 * share);
  }
}
