package dev.fettle.cli;

import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import java.nio.file.Path;
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
          "Layers to adapt: all-linear, names such as q_proj,v_proj, or a regular expression over"
              + " whole paths (default: all-linear).")
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
      names = "--initial-adapter",
      paramLabel = "FOLDER",
      description = "Start from this PEFT adapter, with its configuration, instead of a fresh one.")
  @Nullable Path initialAdapter;

  LoraConfig config() {
    return LoraConfig.builder(r, alpha, targets())
        .loraDropout(dropout)
        .useRslora(useRslora)
        .build();
  }

  private TargetModules targets() {
    TargetModules included = TargetModules.parse(targetModules);
    return excludeModules == null
        ? included
        : new TargetModules.Except(included, TargetModules.parse(excludeModules));
  }
}
