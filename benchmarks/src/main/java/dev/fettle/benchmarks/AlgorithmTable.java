package dev.fettle.benchmarks;

import dev.fettle.calibrate.CalibrationText;
import dev.fettle.calibrate.OutlierModel;
import dev.fettle.calibrate.adaround.AdaRound;
import dev.fettle.calibrate.adaround.AdaRoundOptions;
import dev.fettle.calibrate.awq.Awq;
import dev.fettle.calibrate.awq.AwqOptions;
import dev.fettle.calibrate.block.BlockAlgorithm;
import dev.fettle.calibrate.block.BlockListener;
import dev.fettle.calibrate.block.BlockwiseQuantizer;
import dev.fettle.calibrate.block.SequentialAlgorithm;
import dev.fettle.calibrate.gptq.Gptq;
import dev.fettle.calibrate.gptq.GptqOptions;
import dev.fettle.calibrate.smoothquant.SmoothQuant;
import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.demo.EmbeddedModel;
import dev.fettle.demo.world.World;
import dev.fettle.evaluate.KlDivergence;
import dev.fettle.evaluate.Perplexity;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// Perplexity and KL divergence of a model quantized by each algorithm, as a Markdown table.
///
/// Without arguments the embedded model, calibrated on prose of its world and measured on other
/// prose; or `MODEL CALIBRATION-TEXT TEST-TEXT GRANULARITIES` with any model folder, such as
/// `group=64,channel` for the last.
public final class AlgorithmTable {
  private static final List<String> ALGORITHMS =
      List.of("rtn", "gptq", "gptq --desc-act", "awq", "adaround");
  private static final List<String> GRANULARITIES =
      List.of("group=32", "group=64", "group=128", "channel");
  private static final ActivationQuantization DYNAMIC =
      ActivationQuantization.parse("int8:sym:token");
  private static final ActivationQuantization STATIC =
      ActivationQuantization.parse("uint8:asym:tensor");

  /// A quarter of the default: the table has many rows.
  private static final int ADAROUND_ITERATIONS = 250;

  private static final int CONTEXT = 128;
  private static final int SAMPLES = 64;
  private static final int TEST_TOKENS = 8192;

  private static final int CALIBRATION_SEED = 5;
  private static final int TEST_SEED = 2;
  private static final int CALIBRATION_CHARACTERS = 120_000;
  private static final int TEST_CHARACTERS = 24_000;

  private final Path model;
  private final CalibrationText text;
  private final int[] test;
  private final Path folder;
  private final List<String> granularities;

  private AlgorithmTable(
      Path model, Path calibration, String test, Path folder, List<String> granularities) {
    this.model = model;
    this.folder = folder;
    this.granularities = granularities;
    this.text =
        CalibrationText.load(model, calibration, new CalibrationText.Limits(CONTEXT, SAMPLES, 0));
    try (Tokenizer tokenizer = Tokenizer.load(model)) {
      int[] all = tokenizer.encode(test, false);
      this.test = Arrays.copyOf(all, Math.min(all.length, TEST_TOKENS));
    }
  }

  public static void main(String[] args) throws IOException {
    Path folder = Files.createTempDirectory("algorithms");
    try {
      table(args, folder).print();
    } finally {
      AtomicFolder.delete(folder);
    }
  }

  private static AlgorithmTable table(String[] args, Path folder) throws IOException {
    if (args.length == 4) {
      return new AlgorithmTable(
          Path.of(args[0]),
          Path.of(args[1]),
          Files.readString(Path.of(args[2])),
          folder,
          List.of(args[3].split(",")));
    }
    if (args.length != 0) {
      throw new UserException("Give nothing, or MODEL CALIBRATION-TEXT TEST-TEXT GRANULARITIES.");
    }
    Path model = folder.resolve("model");
    EmbeddedModel.copyTo(model);
    Path calibration = folder.resolve("calibration.txt");
    Files.writeString(calibration, World.prose(CALIBRATION_SEED, CALIBRATION_CHARACTERS));
    return new AlgorithmTable(
        model, calibration, World.prose(TEST_SEED, TEST_CHARACTERS), folder, GRANULARITIES);
  }

  private void print() {
    System.out.printf(
        Locale.ROOT,
        "%d calibration tokens, %d test tokens, AdaRound %d iterations, %d processors%n",
        text.tokens(),
        test.length,
        ADAROUND_ITERATIONS,
        Runtime.getRuntime().availableProcessors());
    weightTable(model, "the model", granularities);
    Path outliers = folder.resolve("outliers");
    OutlierModel.write(model, outliers, OutlierModel.defaults());
    weightTable(
        outliers,
        "the same model with outliers",
        List.of(granularities.contains("group=128") ? "group=128" : granularities.getLast()));
    activationTable(outliers);
  }

  private static void head(String title) {
    System.out.printf("%n%s%n%n", title);
    System.out.println("| scheme | algorithm | perplexity | KL to the base | processor seconds |");
    System.out.println("|---|---|--:|--:|--:|");
  }

  private void weightTable(Path source, String title, List<String> granularities) {
    head("Weights only, " + title);
    try (CausalLm base = CausalLm.load(source, LoadOptions.defaults())) {
      row(base, base, "as stored", "", 0);
      for (int bits : new int[] {4, 3}) {
        for (String granularity : granularities) {
          Scheme scheme = Scheme.parse("int%d:asym:%s".formatted(bits, granularity));
          for (String algorithm : ALGORITHMS) {
            measure(base, source, algorithm, QuantizeOptions.of(scheme));
          }
        }
      }
    }
  }

  private void activationTable(Path source) {
    head("Weights and activations in 8 bits, the same model with outliers");
    QuantizeOptions weights = QuantizeOptions.of(Scheme.parse("int8:sym:channel"));
    try (CausalLm base = CausalLm.load(source, LoadOptions.defaults())) {
      measure(base, source, "rtn", weights.withActivations(DYNAMIC, Map.of()));
      measure(base, source, "smoothquant", weights.withActivations(DYNAMIC, Map.of()));
      measure(base, source, "smoothquant", weights.withActivations(STATIC, Map.of()));
      measure(base, source, "rtn", QuantizeOptions.of(new Scheme.LlmInt8()));
    }
  }

  private void measure(CausalLm base, Path source, String algorithm, QuantizeOptions options) {
    Path output = folder.resolve("quantized");
    double start = processorSeconds();
    quantize(source, algorithm, options, output);
    double seconds = processorSeconds() - start;
    String inputs = options.activations() == null ? "" : " × `" + options.activations() + "`";
    try (CausalLm quantized = CausalLm.load(output, LoadOptions.defaults())) {
      row(base, quantized, "`" + options.scheme() + "`" + inputs, algorithm, seconds);
    }
    AtomicFolder.delete(output);
  }

  /// Of all threads; unlike the wall clock it says the same on a machine that others use too.
  private static double processorSeconds() {
    return ProcessHandle.current().info().totalCpuDuration().orElseThrow().toMillis() / 1e3;
  }

  private void quantize(Path source, String algorithm, QuantizeOptions options, Path output) {
    if (algorithm.equals("rtn")) {
      CheckpointQuantizer.quantize(source, output, options, tensor -> {});
      return;
    }
    BlockwiseQuantizer.run(
        new BlockwiseQuantizer.Request(source, output, text, options, null, false),
        algorithm(algorithm, options),
        BlockListener.none());
  }

  private static BlockAlgorithm algorithm(String name, QuantizeOptions options) {
    return switch (name) {
      case "gptq" -> new SequentialAlgorithm(name, new Gptq(GptqOptions.defaults()));
      case "gptq --desc-act" ->
          new SequentialAlgorithm(name, new Gptq(GptqOptions.defaults().withDescAct(true)));
      case "awq" -> new Awq(AwqOptions.defaults());
      case "smoothquant" -> new SmoothQuant(SmoothQuant.DEFAULT_ALPHA, options.activations());
      case "adaround" ->
          new SequentialAlgorithm(
              name, new AdaRound(AdaRoundOptions.defaults().withIterations(ADAROUND_ITERATIONS)));
      default -> throw new UserException("No algorithm " + name + ".");
    };
  }

  private void row(CausalLm base, CausalLm quantized, String scheme, String name, double seconds) {
    Perplexity.Options windows = new Perplexity.Options(CONTEXT, CONTEXT, 0);
    System.out.printf(
        Locale.ROOT,
        "| %s | %s | %.4f | %.5f | %.1f |%n",
        scheme,
        name,
        Perplexity.of(quantized, test, windows, (done, total) -> {}).perplexity(),
        KlDivergence.of(base, quantized, test, CONTEXT),
        seconds);
  }
}
