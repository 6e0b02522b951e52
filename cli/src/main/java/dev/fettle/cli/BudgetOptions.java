package dev.fettle.cli;

import dev.fettle.calibrate.budget.BudgetPlan;
import dev.fettle.calibrate.budget.BudgetSearch;
import dev.fettle.calibrate.budget.Candidates;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.Work;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// A scheme per layer within a number of bits per weight.
final class BudgetOptions {
  /// About what English text has.
  private static final long BYTES_PER_TOKEN = 4;

  /// Hidden states of each token that are in memory at once.
  private static final long STATES = 3;

  @Option(
      names = "--budget",
      paramLabel = "BITS",
      description =
          "Pick a scheme per layer that changes the model's predictions least within so many bits per"
              + " weight, such as 4.5bpw; counts everything stored for the quantized layers. Needs"
              + " --data.")
  @Nullable String budget;

  @Option(
      names = "--candidates",
      split = ",",
      paramLabel = "SCHEME",
      description =
          "What --budget picks from (default:"
              + " int4:asym:group=128,int4:asym:group=32,int8:sym:channel).")
  List<String> candidates = List.of();

  /// @throws UserException if the text is no number of bits
  double bitsPerWeight() {
    String text = String.valueOf(budget);
    String digits = text.endsWith("bpw") ? text.substring(0, text.length() - 3) : text;
    if (!digits.matches("[0-9]{1,2}(\\.[0-9]{1,6})?")) {
      throw new UserException(
          "--budget is a number of bits per weight such as 4.5bpw, not '" + budget + "'.");
    }
    return Double.parseDouble(digits);
  }

  List<Scheme> schemes() {
    return candidates.isEmpty() ? Candidates.byDefault() : Candidates.parse(candidates);
  }

  /// What the search does: the whole model computes, and of the whole text the hidden states before
  /// a block, after it and after the last one are kept.
  ///
  /// @param data the calibration text
  /// @throws UserException if an option is outside its range
  Work work(Path model, Path data, CalibrationDataOptions text, @Nullable DType computeDtype) {
    bitsPerWeight();
    schemes();
    text.limits(); // each refuses what is wrong in it
    long textBytes = WorkOptions.textBytes(data);
    long tokens = textBytes / BYTES_PER_TOKEN;
    if (text.samples > 0) {
      tokens = Math.min(tokens, (long) text.samples * Math.max(0, text.seqLength));
    }
    if (text.maxTokens > 0) {
      tokens = Math.min(tokens, text.maxTokens);
    }
    long states = 0;
    if (Files.exists(model)) {
      ModelSpec spec = ModelSpec.of(model);
      int bytes = (computeDtype == null ? spec.dtype() : computeDtype).bytes();
      states = STATES * tokens * spec.architecture().config().hiddenSize() * bytes;
    }
    return new Work.Evaluation(computeDtype, text.seqLength, text.maxTokens, textBytes, states);
  }

  /// @param data the calibration text
  BudgetPlan search(
      Console console,
      Path model,
      Path data,
      CalibrationDataOptions text,
      List<String> skipModules,
      @Nullable DType computeDtype,
      WeightQuantizer quantizer) {
    BudgetSearch.Options options =
        new BudgetSearch.Options(
            bitsPerWeight(),
            schemes(),
            skipModules,
            text.limits(),
            text.batchSize,
            computeDtype,
            quantizer);
    ProgressLine[] line = new ProgressLine[1];
    try {
      return BudgetSearch.run(
          model,
          data,
          options,
          (done, total, path) -> {
            console.stop().check();
            if (line[0] == null) {
              line[0] = new ProgressLine(console, "measuring layer", total);
            }
            line[0].update(done, path);
          });
    } finally {
      if (line[0] != null) {
        line[0].close();
      }
    }
  }
}
