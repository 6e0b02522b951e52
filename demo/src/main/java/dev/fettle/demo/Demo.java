package dev.fettle.demo;

import dev.fettle.demo.world.Question;
import dev.fettle.demo.world.World;
import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.ReportFiles;
import dev.fettle.finetune.Finetune;
import dev.fettle.finetune.FinetuneRequest;
import dev.fettle.finetune.LearningRateSchedule;
import dev.fettle.finetune.RunRecord;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.finetune.TrainingOptions;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.Merge;
import dev.fettle.lora.TargetModules;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.text.DatasetOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The whole line on the embedded model.
///
/// The base model has read prose about a small world (sums, opposites, who has what) and has never
/// seen a question. Fine-tuning shows it questions with bare answers; the test asks others. What
/// improves is therefore the form of the answer, and the facts come from the base.
public final class Demo {
  private static final int STAGES = 6;

  /// Seeds of the texts; 1 is that of the pre-training text.
  private static final int PROSE_SEED = 2;

  private static final int TRAIN_SEED = 3;
  private static final int TEST_SEED = 4;

  private static final int PROSE_CHARACTERS = 24_000;
  private static final int TRAIN_QUESTIONS_PER_TOPIC = 120;

  /// Covers the longest question with its answer.
  private static final int SEQ_LENGTH = 96;

  private static final int BATCH_SIZE = 32;
  private static final double LEARNING_RATE = 1e-3;
  private static final int RANK = 16;
  private static final int ALPHA = 32;

  private final DemoOptions options;
  private final DemoListener listener;
  private final Workspace workspace;
  private final List<Measured> measured = new ArrayList<>();
  private final List<DemoReport.Run> runs = new ArrayList<>();
  private int stage;

  private Demo(DemoOptions options, DemoListener listener) {
    this.options = options;
    this.listener = listener;
    this.workspace = Workspace.prepare(options.output());
  }

  /// @throws dev.fettle.tensor.UserException if the output folder is in use or cannot be written
  public static DemoResult run(DemoOptions options, DemoListener listener) {
    return new Demo(options, listener).run();
  }

  private DemoResult run() {
    long start = System.nanoTime();
    stage("Write the model, the text and the questions");
    Path model = workspace.model();
    EmbeddedModel.copyTo(model);
    String prose = World.prose(PROSE_SEED, PROSE_CHARACTERS);
    workspace.writeText("held-out.txt", prose);
    List<Question> training = World.trainingQuestions(TRAIN_SEED, TRAIN_QUESTIONS_PER_TOPIC);
    List<Question> test = World.testQuestions(TEST_SEED, options.questionsPerTopic());
    Path train = workspace.writeQuestions("train.jsonl", training);
    workspace.writeQuestions("test.jsonl", test);
    listener.note(training.size() + " questions to learn from, " + test.size() + " others to test");

    try (Examiner examiner = new Examiner(model, prose, test)) {
      List<QuantizeReport> quantized = quantize(model);
      stage("Measure the base and its quantized forms");
      Path nf4 = workspace.folder("nf4");
      measure(examiner, "base", "bfloat16", model, null);
      measure(examiner, "int8", "int8 per channel", workspace.folder("int8"), null);
      measure(examiner, "NF4", "NF4, double quantization", nf4, null);

      Path lora = finetune("LoRA", TrainingMethod.LORA, model, train);
      Path qlora = finetune("QLoRA", TrainingMethod.QLORA, model, train);

      stage("Merge, and measure what was learned");
      Path merged = workspace.folder("merged");
      Merge.run(model, lora, merged, null, false, (index, total, name) -> {});
      measure(examiner, "LoRA", "bfloat16 + adapter", model, lora);
      measure(examiner, "QLoRA", "NF4 + adapter", nf4, qlora);
      measure(examiner, "merged", "bfloat16, LoRA merged in", merged, null);

      double seconds = (System.nanoTime() - start) / 1e9;
      DemoReport report =
          new DemoReport(
              workspace,
              examiner.weights(),
              examiner.proseTokens(),
              measured,
              runs,
              quantized,
              seconds);
      Report page = report.page();
      ReportFiles.write(workspace.report(), page);
      return report.result();
    }
  }

  private List<QuantizeReport> quantize(Path model) {
    stage("Quantize to int8 and NF4");
    List<QuantizeReport> reports = new ArrayList<>();
    reports.add(quantize(model, "int8", new Scheme.LlmInt8()));
    reports.add(quantize(model, "nf4", new Scheme.Nf4(64, true)));
    return reports;
  }

  private QuantizeReport quantize(Path model, String name, Scheme scheme) {
    QuantizeReport report =
        CheckpointQuantizer.quantize(
            model,
            workspace.folder(name),
            new QuantizeOptions(scheme, DType.BF16, List.of()),
            tensor -> {});
    listener.note(
        String.format(
            Locale.ROOT,
            "%s: %.2f bits per quantized weight, %.2f over the whole model, %.2f s",
            name,
            report.bitsPerQuantizedWeight(),
            report.bitsPerWeight(),
            report.seconds()));
    return report;
  }

  private void measure(
      Examiner examiner, String name, String weights, Path model, @Nullable Path adapter) {
    Measured row = examiner.measure(name, weights, model, adapter);
    measured.add(row);
    listener.note(
        String.format(
            Locale.ROOT,
            "%s: perplexity %.3f, %.0f%% of the answers right",
            name,
            row.perplexity(),
            100 * row.accuracy()));
  }

  private Path finetune(String name, TrainingMethod method, Path model, Path data) {
    stage("Fine-tune with " + name);
    Path output = workspace.folder(method.text());
    RunRecord record =
        Finetune.run(
            FinetuneRequest.builder(model, data, output)
                .validationSplit(0.05)
                .dataset(DatasetOptions.of(SEQ_LENGTH))
                .method(method)
                .lora(LoraConfig.of(RANK, ALPHA, new TargetModules.AllLinear()))
                .computeDtype(DType.BF16)
                .options(training())
                .build(),
            listener.training(name));
    runs.add(new DemoReport.Run(name, record));
    listener.note(
        String.format(
            Locale.ROOT,
            "%s: loss %.3f → %.3f, %.0f tokens/s",
            name,
            record.losses().getFirst(),
            record.losses().getLast(),
            record.tokensPerSecond()));
    return output;
  }

  private TrainingOptions training() {
    return TrainingOptions.builder()
        .maxSteps(options.steps())
        .batchSize(BATCH_SIZE)
        .learningRate(LEARNING_RATE)
        .lrScheduler(LearningRateSchedule.Shape.LINEAR)
        .warmupSteps(Math.min(10, options.steps() / 4))
        .seed(options.seed())
        .evalSteps(Math.max(1, options.steps() / 5))
        .saveSteps(0)
        .gradientCheckpointing(false)
        .build();
  }

  private void stage(String title) {
    listener.stage(++stage, STAGES, title);
  }
}
