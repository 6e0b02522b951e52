package dev.fettle.cli;

import dev.fettle.calibrate.budget.BudgetPlan;
import dev.fettle.calibrate.budget.BudgetSearch;
import dev.fettle.calibrate.budget.Candidates;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// A scheme per layer within a number of bits per weight.
final class BudgetOptions {
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
