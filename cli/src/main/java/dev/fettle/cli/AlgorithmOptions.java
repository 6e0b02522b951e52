package dev.fettle.cli;

import dev.fettle.calibrate.CalibrationText;
import dev.fettle.calibrate.adaround.AdaRound;
import dev.fettle.calibrate.adaround.AdaRoundOptions;
import dev.fettle.calibrate.awq.Awq;
import dev.fettle.calibrate.awq.AwqOptions;
import dev.fettle.calibrate.block.BlockAlgorithm;
import dev.fettle.calibrate.block.SequentialAlgorithm;
import dev.fettle.calibrate.gptq.Gptq;
import dev.fettle.calibrate.gptq.GptqOptions;
import dev.fettle.calibrate.smoothquant.SmoothQuant;
import dev.fettle.quantize.ActivationQuantization;
import dev.fettle.quantize.FolderFormat;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How the integers are chosen; the names of GPTQModel, AutoAWQ and llm-compressor.
final class AlgorithmOptions {
  static final List<String> ALGORITHMS = List.of("rtn", "gptq", "awq", "smoothquant", "adaround");

  private static final int DEFAULT_SAMPLES = 128;

  @Option(
      names = "--algorithm",
      paramLabel = "NAME",
      description =
          "How integers are chosen: rtn rounds to nearest; gptq, awq, smoothquant and adaround look at"
              + " what --data does in the model, block by block (default: rtn).")
  String algorithm = "rtn";

  @Option(
      names = "--desc-act",
      description = "gptq: columns with the largest inputs first (act-order).")
  boolean descAct;

  @Option(
      names = "--static-groups",
      negatable = true,
      description =
          "gptq with --desc-act: groups stay neighbouring columns, so the file needs no index of groups"
              + " (default: yes, except in the formats gptq and gptq_v2).")
  @Nullable Boolean staticGroups;

  @Option(
      names = "--damp-percent",
      paramLabel = "F",
      description = "gptq: damping, as a share of the Hessian's mean diagonal (default: 0.01).")
  double dampPercent = GptqOptions.defaults().dampPercent();

  @Option(
      names = "--n-grid",
      paramLabel = "N",
      description = "awq: exponents tried between 0 and 1 (default: 20).")
  int nGrid = AwqOptions.defaults().nGrid();

  @Option(names = "--no-clip", description = "awq: leave the ranges of the weights as they are.")
  boolean noClip;

  @Option(
      names = "--smoothing-strength",
      paramLabel = "F",
      description =
          "smoothquant: share of the outliers that moves into the weights (default: 0.5).")
  double smoothingStrength = SmoothQuant.DEFAULT_ALPHA;

  @Option(
      names = "--adaround-iterations",
      paramLabel = "N",
      description = "adaround: steps of the optimizer per layer (default: 1000).")
  int adaRoundIterations = AdaRoundOptions.defaults().iterations();

  @Option(
      names = "--resume",
      description = "Take up the finished blocks of a run that was stopped.")
  boolean resume;

  /// The algorithm wanted, or null for rounding to nearest.
  ///
  /// @param activations how inputs will be quantized, or null
  /// @throws UserException if there is no such algorithm, or an option is out of range
  /// @param format whose layout the folder is written in, or null for the usual one
  @Nullable BlockAlgorithm algorithm(
      @Nullable ActivationQuantization activations, @Nullable FolderFormat format) {
    return switch (algorithm) {
      case "rtn" -> roundToNearest();
      case "gptq" -> gptq(format);
      case "awq" -> new Awq(new AwqOptions(nGrid, !noClip));
      case "smoothquant" -> new SmoothQuant(smoothingStrength, activations);
      case "adaround" -> adaRound();
      default ->
          throw new UserException(
              "--algorithm is one of %s, not '%s'."
                  .formatted(String.join(", ", ALGORITHMS), algorithm));
    };
  }

  private @Nullable BlockAlgorithm roundToNearest() {
    if (resume) {
      throw new UserException(
          "--resume takes up a run of --algorithm gptq, awq, smoothquant or adaround; rtn has none.");
    }
    return null;
  }

  private BlockAlgorithm gptq(@Nullable FolderFormat format) {
    GptqOptions options =
        GptqOptions.defaults()
            .withDescAct(descAct)
            .withStaticGroups(!groupIndex(format))
            .withDampPercent(dampPercent);
    return new SequentialAlgorithm("gptq " + options, new Gptq(options));
  }

  /// Whether the algorithm puts columns into groups that are not runs of neighbours.
  ///
  /// @param format whose layout the folder is written in, or null for the usual one
  /// @throws UserException if the format has no place for that
  boolean groupIndex(@Nullable FolderFormat format) {
    if (!algorithm.equals("gptq") || !descAct) {
      return false;
    }
    boolean usual = format == FolderFormat.GPTQ || format == FolderFormat.GPTQ_V2;
    boolean index = staticGroups == null ? usual : !staticGroups;
    if (index && format == FolderFormat.AWQ) {
      throw new UserException(
          "The format awq has no place for groups by activation; leave out --no-static-groups, or use --format gptq or compressed-tensors.");
    }
    return index;
  }

  private BlockAlgorithm adaRound() {
    AdaRoundOptions options = AdaRoundOptions.defaults().withIterations(adaRoundIterations);
    return new SequentialAlgorithm("adaround " + options, new AdaRound(options));
  }

  /// Whether fixed activations get their parameters from the algorithm's own pass over the text.
  ///
  /// @throws UserException if statistics of the model are given that the algorithm makes invalid
  boolean calibratesActivations(ActivationOptions activations) {
    boolean moves = algorithm.equals("smoothquant") || algorithm.equals("awq");
    if (moves && activations.statistics != null) {
      throw new UserException(
          "--statistics were taken before %s rescales the activations; leave them out."
              .formatted(algorithm));
    }
    return algorithm.equals("smoothquant");
  }

  /// The text to calibrate on, by default 128 samples as in the papers.
  CalibrationText text(Path model, Path data, CalibrationText.Limits limits) {
    boolean all = limits.maxSamples() == 0 && limits.maxTokens() == 0;
    return CalibrationText.load(model, data, all ? limits.withMaxSamples(DEFAULT_SAMPLES) : limits);
  }
}
