package dev.fettle.cli;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.LoraInit;
import dev.fettle.lora.TargetModules;
import dev.fettle.lora.TrainedBias;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The adapter; the names of PEFT's `LoraConfig`.
final class LoraOptions {
  @Option(names = "--lora-r", paramLabel = "N", description = "Rank (default: 8).")
  int r = 8;

  @Option(
      names = "--lora-alpha",
      paramLabel = "X",
      description = "The update is scaled by alpha / r (default: 16).")
  double alpha = 16;

  @Option(
      names = "--lora-dropout",
      paramLabel = "P",
      description = "Dropout on the adapter's input while training (default: 0).")
  double dropout;

  @Option(
      names = "--target-modules",
      paramLabel = "MODULES",
      description =
          "Layers to adapt: all-linear, names such as q_proj,v_proj (embed_tokens and lm_head among"
              + " them), or a regular expression over whole paths (default: all-linear).")
  String targetModules = "all-linear";

  @Option(
      names = "--exclude-modules",
      paramLabel = "MODULES",
      description = "Layers to leave out of these; the same forms.")
  @Nullable String excludeModules;

  @Option(
      names = "--use-rslora",
      description = "Scale by alpha / sqrt(r) instead (rank-stabilised LoRA).")
  boolean useRslora;

  @Option(
      names = "--use-dora",
      description = "Train a magnitude for each output beside the direction (DoRA).")
  boolean useDora;

  @Option(
      names = "--rank-pattern",
      split = ",",
      paramLabel = "NAME=N,...",
      description =
          "Layers with another rank, by name or regular expression: q_proj=4,down_proj=16.")
  List<String> rankPattern = List.of();

  @Option(
      names = "--alpha-pattern",
      split = ",",
      paramLabel = "NAME=X,...",
      description = "Layers with another alpha; the same form.")
  List<String> alphaPattern = List.of();

  @Option(
      names = "--bias",
      paramLabel = "WHICH",
      description = "Biases of the model to train too: none, all or lora_only (default: none).")
  String bias = TrainedBias.NONE.text();

  @Option(names = "--lora-bias", description = "Give B a bias.")
  boolean loraBias;

  @Option(
      names = "--modules-to-save",
      split = ",",
      paramLabel = "MODULES",
      description =
          "Modules to train as a whole and store beside the adapter, such as lm_head,embed_tokens.")
  List<String> modulesToSave = List.of();

  @Option(
      names = "--trainable-token-indices",
      split = ",",
      paramLabel = "IDS",
      description =
          "Rows of the embedding to train, such as 32000,32001; a tied head uses them too.")
  List<Integer> trainableTokenIndices = List.of();

  @Option(
      names = "--ensure-weight-tying",
      description = "Keep a tied head tied when the embedding is in --modules-to-save.")
  boolean ensureWeightTying;

  @Option(
      names = "--init-lora-weights",
      paramLabel = "START",
      description =
          "true (A uniform, B zero), gaussian (A normal, B zero) or false (both random); default:"
              + " true.")
  String initLoraWeights = LoraInit.STANDARD.text();

  @Option(
      names = "--initial-adapter",
      paramLabel = "FOLDER",
      description = "Start from this PEFT adapter, with its configuration, instead of a fresh one.")
  @Nullable Path initialAdapter;

  @Option(
      names = {"--lora-config", "--peft-config"},
      paramLabel = JsonOption.LABEL,
      description =
          "PEFT's LoraConfig instead of these options: an adapter_config.json that save_pretrained wrote, or"
              + " the object itself.")
  @Nullable String loraConfig;

  LoraConfig config() {
    LoraConfig own = ownConfig();
    if (loraConfig == null) {
      return own;
    }
    if (!own.equals(new LoraOptions().ownConfig())) {
      throw new UserException(
          "--lora-config says everything itself; leave out --lora-r, --target-modules and the other adapter options.");
    }
    JsonOption option = new JsonOption("--lora-config", loraConfig);
    return LoraConfig.ofPeft(option.read(), option.source());
  }

  /// What the adapter consists of. Names of the command line must all match something; those of a
  /// LoraConfig that served other models need not, as in PEFT.
  AdapterPlan plan(Architecture architecture) {
    return loraConfig == null
        ? AdapterPlan.ofWritten(config(), architecture)
        : AdapterPlan.of(config(), architecture);
  }

  private LoraConfig ownConfig() {
    return LoraConfig.builder(r, alpha, targets())
        .loraDropout(dropout)
        .useRslora(useRslora)
        .useDora(useDora)
        .rankPattern(pattern("--rank-pattern", rankPattern, Integer::valueOf))
        .alphaPattern(pattern("--alpha-pattern", alphaPattern, Double::valueOf))
        .bias(TrainedBias.parse(bias))
        .loraBias(loraBias)
        .modulesToSave(modulesToSave)
        .trainableTokenIndices(
            trainableTokenIndices.isEmpty()
                ? Map.of()
                : Map.of("embed_tokens", trainableTokenIndices))
        .ensureWeightTying(ensureWeightTying)
        .initLoraWeights(LoraInit.parse(initLoraWeights))
        .build();
  }

  private static <T> Map<String, T> pattern(
      String option, List<String> parts, Function<String, T> parse) {
    Map<String, T> pattern = new LinkedHashMap<>();
    for (String part : parts) {
      int equals = part.lastIndexOf('=');
      if (equals < 1) {
        throw noPattern(option, part, null);
      }
      try {
        T value = parse.apply(part.substring(equals + 1).strip());
        pattern.put(part.substring(0, equals).strip(), value);
      } catch (NumberFormatException e) {
        throw noPattern(option, part, e);
      }
    }
    return pattern;
  }

  private static UserException noPattern(
      String option, String part, @Nullable NumberFormatException cause) {
    return new UserException(
        "%s has '%s'; expected NAME=NUMBER, such as q_proj=4.".formatted(option, part), cause);
  }

  private TargetModules targets() {
    TargetModules included = TargetModules.parse(targetModules);
    return excludeModules == null
        ? included
        : new TargetModules.Except(included, TargetModules.parse(excludeModules));
  }
}
