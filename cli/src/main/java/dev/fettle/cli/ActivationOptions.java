package dev.fettle.cli;

import dev.fettle.calibrate.ActivationStatistics;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.AffineParameters;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.observe.Observer;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Whether and how the inputs of layers are quantized too.
final class ActivationOptions {
  @Option(
      names = "--activations",
      paramLabel = "SCHEME",
      description =
          "Quantize the layers' inputs too, so that 8-bit integers are multiplied: int8:sym:token finds"
              + " each token's scale while computing; int8:sym:tensor, int8:asym:tensor and"
              + " uint8:asym:tensor take fixed ones from --statistics.")
  @Nullable String activations;

  @Option(
      names = "--statistics",
      paramLabel = "FILE",
      description = "What fettle calibrate wrote for this model, for fixed --activations.")
  @Nullable Path statistics;

  @Option(
      names = "--observer",
      paramLabel = "NAME",
      description =
          "Rule that chooses the range of fixed --activations: min-max, moving-average:0.01,"
              + " percentile:99.99, entropy or mse (default: min-max).")
  String observer = "min-max";

  /// What `--activations` names, or null.
  ///
  /// @throws UserException if it is no scheme for activations
  @Nullable ActivationQuantization wanted() {
    return activations == null ? null : ActivationQuantization.parse(activations);
  }

  /// @param model the folder to be quantized
  /// @throws UserException if fixed parameters are wanted and there are no statistics of this model
  QuantizeOptions apply(QuantizeOptions options, Path model) {
    if (activations == null) {
      if (statistics != null) {
        throw new UserException(
            "--statistics is for fixed --activations such as int8:sym:tensor; add them, or leave it out.");
      }
      return options;
    }
    ActivationQuantization wanted = ActivationQuantization.parse(activations);
    if (wanted.dynamic()) {
      return options.withActivations(wanted, Map.of());
    }
    if (statistics == null) {
      throw new UserException(
          "--activations %s has fixed parameters; give --statistics FILE of fettle calibrate, or use int8:sym:token."
              .formatted(activations));
    }
    ActivationStatistics known = ActivationStatistics.load(statistics);
    try (Checkpoint folder = Checkpoint.open(model)) {
      known.requireModel(folder);
    }
    Observer rule = Observer.parse(observer);
    Map<String, AffineParameters> parameters = new LinkedHashMap<>();
    for (String layer : known.layers().keySet()) {
      parameters.put(layer, known.parameters(layer, wanted.scheme(), rule));
    }
    return options.withActivations(wanted, parameters);
  }
}
