package dev.fettle.cli;

import dev.fettle.calibrate.block.BlockAlgorithm;
import dev.fettle.calibrate.block.BlockwiseQuantizer;
import dev.fettle.calibrate.block.BlockwiseReport;
import dev.fettle.calibrate.budget.BudgetPlan;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.plan.Work;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.FolderFormat;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.TensorTransform;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.quantize.WeightRecorder;
import dev.fettle.quantize.bitsandbytes.BitsAndBytesConfig;
import dev.fettle.quantize.observe.ObservedWeights;
import dev.fettle.quantize.observe.Observer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/// `fettle quantize`: a model folder in fewer bits.
@Command(
    name = "quantize",
    header = "Write a model in 4 or 8 bits; one tensor in memory at a time.",
    description =
        "The linear layers of the decoder blocks are quantized; embeddings, norms and output head keep"
            + " their dtype. The result is a model folder that transformers loads: nf4, fp4 and llm.int8 in"
            + " bitsandbytes' layout, integers and small floats in compressed-tensors', unless --format names"
            + " that of GPTQ or AWQ.",
    footer = "  fettle quantize --model MODEL --scheme int4:sym:group=32 --output MODEL-int4")
final class QuantizeVerb extends Verb {
  @Option(
      names = "--model",
      required = true,
      paramLabel = "FOLDER",
      description = "Model folder in Hugging Face layout.")
  Path model = Path.of("");

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FOLDER",
      description = "Folder to make; must not exist.")
  Path output = Path.of("");

  @Mixin SchemeOptions schemes = new SchemeOptions();

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "Whose layout to write: compressed-tensors, gptq (symmetric integers), gptq_v2, awq (4-bit"
              + " integers) or bitsandbytes (default: by the scheme).")
  @Nullable String format;

  @Option(
      names = "--compute-dtype",
      paramLabel = "DTYPE",
      description =
          "Dtype that later runs compute in: float32 or bfloat16 (default: float32 for float32 weights,"
              + " else bfloat16).")
  @Nullable String computeDtype;

  @Mixin ActivationOptions activations = new ActivationOptions();

  @Option(
      names = "--weight-observer",
      paramLabel = "NAME",
      description =
          "Clip the weights that share a scale before rounding: mse, percentile:99.9 or entropy"
              + " (default: min-max, no clipping).")
  String weightObserver = "min-max";

  @Mixin BudgetOptions budget = new BudgetOptions();

  @Mixin CalibrationDataOptions calibration = new CalibrationDataOptions();

  @Mixin AlgorithmOptions algorithms = new AlgorithmOptions();

  @Option(
      names = "--nan-policy",
      paramLabel = "POLICY",
      description = "What to do with NaN and infinite weights: refuse or zero (default: refuse).")
  String nanPolicy = "refuse";

  @Option(
      names = "--skip-modules",
      split = ",",
      paramLabel = "NAME",
      description = "Layers to leave as they are, such as down_proj or model.layers.0.")
  List<String> skipModules = List.of();

  @Mixin ReportOption page = new ReportOption();

  @Mixin PlanOptions memory = new PlanOptions();

  QuantizeVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    page.wanted(); // before the work
    @Nullable FolderFormat layout = layout();
    WeightQuantizer quantizer =
        new ObservedWeights(
            Observer.parse(weightObserver), layout == null ? null : layout.scaleDtype());
    @Nullable BudgetPlan plan = budget.budget == null ? null : plan(console, quantizer);
    QuantizeOptions plain =
        new QuantizeOptions(
                plan == null ? scheme() : plan.schemes().firstEntry().getValue(),
                computeDtype(),
                skipped())
            .withModuleSchemes(plan == null ? Map.of() : plan.schemes())
            .withNanPolicy(NanPolicy.parse(nanPolicy))
            .withFormat(layout)
            .withGroupIndex(algorithms.groupIndex(layout));
    QuantizeOptions options =
        algorithms.calibratesActivations(activations)
            ? plain.withActivations(activations.wanted(), Map.of())
            : activations.apply(plain, model);
    @Nullable BlockAlgorithm algorithm = algorithms.algorithm(options.activations(), layout);
    memory.check(console, model, work(options, algorithm));
    if (plan != null) {
      BudgetAnswer.print(plan, console.out());
    }
    List<WeightRecorder> recorders = new ArrayList<>();
    UnaryOperator<WeightQuantizer> recorded =
        page.wanted() ? inner -> recorder(inner, recorders) : UnaryOperator.identity();
    @Nullable BlockwiseReport layers =
        algorithm == null ? null : blockwise(console, options, algorithm, recorded);
    QuantizeReport report =
        layers == null
            ? roundToNearest(console, options, recorded.apply(quantizer))
            : layers.folder();
    writeRunFile(output.resolve(RunFile.NAME));
    if (layers != null) {
      BlockwiseAnswer.print(layers, console.out());
    }
    QuantizeAnswer.print(report, console.out());
    for (WeightRecorder recorder : recorders) {
      if (layers != null) {
        layers.layers().forEach(layer -> recorder.took(layer.name(), layer.seconds()));
      }
      page.write(
          BudgetAnswer.on(QuantizePage.of(model.toString(), report, recorder.details()), plan),
          console.out());
    }
    ObjectNode json =
        QuantizeAnswer.json(report).put("model", model.toString()).put("output", output.toString());
    if (layers != null) {
      BlockwiseAnswer.add(json, algorithms.algorithm, layers);
    }
    if (plan != null) {
      json.set("budget", BudgetAnswer.json(plan));
    }
    memory.report(console);
    return Answer.of(memory.add(json));
  }

  private Work work(QuantizeOptions options, @Nullable BlockAlgorithm algorithm) {
    return algorithm == null
        ? new Work.Rewriting(options.scheme(), null, false)
        : new Work.Blockwise(
            algorithms.algorithm,
            computeDtype(),
            options.scheme(),
            calibration.seqLength,
            Math.max(1, calibration.samples));
  }

  private static WeightRecorder recorder(WeightQuantizer inner, List<WeightRecorder> recorders) {
    WeightRecorder recorder = new WeightRecorder(inner);
    recorders.add(recorder);
    return recorder;
  }

  private QuantizeReport roundToNearest(
      Console console, QuantizeOptions options, WeightQuantizer quantizer) {
    try (ProgressLine progress = new ProgressLine(console, "quantizing tensor", 0)) {
      int[] done = {0};
      return CheckpointQuantizer.quantize(
          model,
          output,
          options,
          quantizer,
          TensorTransform.none(),
          tensor -> {
            console.stop().check();
            progress.update(++done[0], tensor.name());
          });
    }
  }

  private BlockwiseReport blockwise(
      Console console,
      QuantizeOptions options,
      BlockAlgorithm algorithm,
      UnaryOperator<WeightQuantizer> recorded) {
    if (calibration.data == null) {
      throw usage("--algorithm " + algorithms.algorithm + " looks at a text; give --data");
    }
    if (!weightObserver.equals("min-max")) {
      throw usage("--weight-observer is for --algorithm rtn; the others choose ranges themselves");
    }
    CheckpointWriter.checkTarget(output, false);
    try (BlockProgress progress = new BlockProgress(console)) {
      return BlockwiseQuantizer.run(
          new BlockwiseQuantizer.Request(
              model,
              output,
              algorithms.text(model, calibration.data, calibration.limits()),
              options,
              computeDtype(),
              algorithms.resume),
          algorithm,
          progress,
          recorded);
    }
  }

  private @Nullable FolderFormat layout() {
    FolderFormat layout = format == null ? null : FolderFormat.parse(format);
    if (budget.budget != null && layout != null && layout != FolderFormat.COMPRESSED_TENSORS) {
      throw usage(
          "--budget gives layers different schemes, which compressed-tensors alone holds; leave out --format");
    }
    return layout;
  }

  private Scheme scheme() {
    @Nullable Scheme scheme = schemes.scheme();
    if (scheme == null) {
      throw usage("Say into which format: --scheme, --quant-type or --load-in-8bit");
    }
    return scheme;
  }

  /// Layers to leave as they are, those of a `BitsAndBytesConfig` included.
  private List<String> skipped() {
    BitsAndBytesConfig config = schemes.bitsAndBytes();
    if (config == null) {
      return skipModules;
    }
    if (config.storage() != DType.U8) {
      throw new UserException(
          "--quantization-config sets bnb_4bit_quant_storage to %s; Fettle writes uint8, which holds the same numbers."
              .formatted(config.storage().torchName()));
    }
    return Stream.concat(skipModules.stream(), config.layersToSkip().stream()).toList();
  }

  private @Nullable DType computeDtype() {
    return schemes.computeDtype(computeDtype);
  }

  private BudgetPlan plan(Console console, WeightQuantizer quantizer) {
    if (schemes.scheme() != null) {
      throw usage("--budget picks the schemes itself; name them with --candidates");
    }
    if (activations.activations != null) {
      throw usage("--budget is for weights only; leave out --activations");
    }
    if (calibration.data == null) {
      throw usage("--budget measures the model on a text; give --data");
    }
    CheckpointWriter.checkTarget(output, false);
    memory.check(console, model, budget.work(model, calibration.data, calibration, computeDtype()));
    return budget.search(
        console, model, calibration.data, calibration, skipModules, computeDtype(), quantizer);
  }
}
