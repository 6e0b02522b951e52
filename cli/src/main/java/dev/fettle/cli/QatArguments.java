package dev.fettle.cli;

import dev.fettle.finetune.QatOptions;
import dev.fettle.finetune.TrainingMethod;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Quantization-aware training.
final class QatArguments {
  @Option(
      names = "--scheme",
      paramLabel = "SCHEME",
      description =
          "Format the linear layers are trained for and written in, such as int8:sym:channel,"
              + " int4:sym:group=32 or mxfp4.")
  @Nullable String scheme;

  @Option(
      names = "--activations",
      paramLabel = "SCHEME",
      description =
          "Round the layers' inputs as well: int8:sym:token, or int8:sym:tensor, int8:asym:tensor,"
              + " uint8:asym:tensor with a range observed while training.")
  @Nullable String activations;

  @Option(
      names = "--qat-learned-ranges",
      description = "Train the ranges of a symmetric integer scheme with the weights (LSQ).")
  boolean learnedRanges;

  @Option(
      names = "--qat-start-step",
      paramLabel = "N",
      description = "Steps in floating point before rounding begins (default: 0).")
  int startStep;

  @Option(
      names = "--qat-freeze-step",
      paramLabel = "N",
      description = "Keep the ranges as they are from this step on (default: 0, never).")
  int freezeStep;

  @Option(
      names = "--skip-modules",
      split = ",",
      paramLabel = "NAME",
      description =
          "Layers that are not quantized, such as down_proj or model.layers.0.mlp.up_proj.")
  List<String> skipModules = List.of();

  /// @return null for methods that do not train for a format
  /// @throws UserException if the options do not belong to the method
  @Nullable QatOptions options(TrainingMethod method) {
    if (!method.quantizationAware()) {
      if (scheme != null
          || activations != null
          || learnedRanges
          || startStep > 0
          || freezeStep > 0
          || !skipModules.isEmpty()) {
        throw new UserException(
            "--scheme, --activations, --skip-modules and --qat-* belong to --method qat or qat-lora, not to %s."
                .formatted(method.text()));
      }
      return null;
    }
    if (scheme == null) {
      throw new UserException(
          "--method %s needs --scheme, the format to train for, such as int4:sym:group=32."
              .formatted(method.text()));
    }
    return new QatOptions(
        Scheme.parse(scheme),
        activations == null ? null : ActivationQuantization.parse(activations),
        learnedRanges,
        startStep,
        freezeStep,
        skipModules);
  }
}
