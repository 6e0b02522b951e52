package dev.fettle.calibrate;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Linear;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.NanPolicy;
import dev.fettle.tensor.DType;
import java.nio.file.Path;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One pass over a calibration text that watches the inputs of every linear layer. The text streams
/// through the model batch by batch; what is kept does not grow with it, but for two numbers per
/// layer and batch.
public final class Calibration {
  private Calibration() {}

  /// @param limits how much of the text is read
  /// @param batchSize sequences per forward pass
  /// @param computeDtype float32 or bfloat16; null takes that of the model
  /// @param nanPolicy what a NaN or infinity among the inputs does
  public record Options(
      CalibrationText.Limits limits,
      int batchSize,
      @Nullable DType computeDtype,
      NanPolicy nanPolicy) {}

  /// Told how far the pass is.
  public interface Progress {
    /// @param doneTokens of `totalTokens`
    void tokens(long doneTokens, long totalTokens);
  }

  /// @param model a model folder
  /// @param data plain text or JSON lines, see {@link dev.fettle.text.Dataset#load}
  /// @throws dev.fettle.tensor.UserException if a file is missing or unusable, the text is empty,
  ///   or an input is not finite and that is refused
  public static ActivationStatistics run(
      Path model, Path data, Options options, Progress progress) {
    CalibrationText text = CalibrationText.load(model, data, options.limits());
    String fingerprint;
    try (Checkpoint folder = Checkpoint.open(model)) {
      fingerprint = ModelFingerprint.of(folder);
    }
    LoadOptions load = LoadOptions.defaults().withComputeDtype(options.computeDtype());
    try (CausalLm lm = CausalLm.load(model, load)) {
      SequencedMap<String, LayerStatistics> layers =
          collect(lm, text.batches(options.batchSize()), options.nanPolicy(), progress);
      return new ActivationStatistics(
          "This run",
          new ActivationStatistics.Model(model.toString(), fingerprint, lm.computeDtype()),
          List.of(
              new ActivationStatistics.Run(
                  text.source(),
                  text.sha256(),
                  text.samples().size(),
                  text.tokens(),
                  options.limits().seqLength(),
                  options.batchSize(),
                  options.nanPolicy())),
          layers);
    }
  }

  /// Watches a model that is in memory.
  ///
  /// @param batches each of equally long rows
  static SequencedMap<String, LayerStatistics> collect(
      CausalLm model, List<int[][]> batches, NanPolicy policy, Progress progress) {
    SequencedMap<String, LayerStatistics> layers = ActivationStatistics.newLayers();
    for (Linear linear : model.linears().values()) {
      LayerStatistics statistics =
          new LayerStatistics(linear.path(), Math.toIntExact(linear.weight().in()));
      layers.put(linear.path(), statistics);
      linear.observe(input -> add(statistics, input, policy));
    }
    try {
      long total = batches.stream().mapToLong(ids -> (long) ids.length * ids[0].length).sum();
      long done = 0;
      progress.tokens(0, total);
      for (int[][] ids : batches) {
        try (Scope scope = Scope.open()) {
          model.hidden(ids);
        }
        done += (long) ids.length * ids[0].length;
        progress.tokens(done, total);
      }
    } finally {
      model.linears().values().forEach(linear -> linear.observe(null));
    }
    return layers;
  }

  private static void add(LayerStatistics statistics, Tensor input, NanPolicy policy) {
    try (Scope scope = Scope.open()) {
      statistics.add(input.to(DType.F32).contiguous().hostView(), policy);
    }
  }
}
