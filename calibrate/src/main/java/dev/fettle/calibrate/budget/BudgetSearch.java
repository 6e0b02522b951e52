package dev.fettle.calibrate.budget;

import dev.fettle.calibrate.CalibrationText;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.WeightQuantizer;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Picks a scheme per layer so that the divergence from the unquantized model is least and what is
/// stored for the layers stays within a number of bits per weight.
///
/// Divergences of single layers are summed to predict that of all, which holds to first order; so
/// the choice is measured as well, and so is every candidate used for all layers. If one of those
/// that fit turns out better than the mixture, it is taken.
public final class BudgetSearch {
  private BudgetSearch() {}

  /// @param bitsPerWeight everything stored for the linear layers of the blocks, per weight
  /// @param candidates see {@link Candidates}
  /// @param skipModules layers that are not quantized and do not count, see {@link QuantizeOptions}
  /// @param limits how much of the text is read
  /// @param batchSize sequences per forward pass
  /// @param computeDtype float32 or bfloat16; null takes that of the model
  /// @param quantizer how the integers of a scheme are chosen
  public record Options(
      double bitsPerWeight,
      List<Scheme> candidates,
      List<String> skipModules,
      CalibrationText.Limits limits,
      int batchSize,
      @Nullable DType computeDtype,
      WeightQuantizer quantizer) {
    public Options {
      if (candidates.isEmpty()) {
        throw new UserException("A budget needs candidates to choose from.");
      }
      candidates = List.copyOf(candidates);
      skipModules = List.copyOf(skipModules);
    }
  }

  /// Told which layer is being measured.
  public interface Progress {
    /// @param done layers of `total`
    void layer(int done, int total, String path);
  }

  /// @param model a folder with unquantized weights
  /// @param data plain text or JSON lines
  /// @throws UserException if a file is unusable or no choice fits the budget
  public static BudgetPlan run(Path model, Path data, Options options, Progress progress) {
    CalibrationText text = CalibrationText.load(model, data, options.limits());
    LoadOptions load = LoadOptions.defaults().withComputeDtype(options.computeDtype());
    try (Checkpoint folder = Checkpoint.open(model)) {
      if (folder.quantizationConfig() != null) {
        throw new UserException(
            "Model " + model + " is quantized already; start from its unquantized weights.");
      }
      try (CausalLm lm = CausalLm.load(model, load)) {
        Sensitivity sensitivity = new Sensitivity(folder, lm, options);
        List<int[][]> batches = text.batches(options.batchSize());
        List<LayerOptions> layers;
        try (ReferenceRun reference = new ReferenceRun(lm, batches)) {
          layers = sensitivity.measure(reference, progress);
        }
        try (ReferenceRun reference = new ReferenceRun(lm, batches)) {
          return choose(sensitivity, reference, layers, options, text.tokens());
        }
      }
    }
  }

  private static BudgetPlan choose(
      Sensitivity sensitivity,
      ReferenceRun reference,
      List<LayerOptions> layers,
      Options options,
      long tokens) {
    long weights = layers.stream().mapToLong(layer -> layer.shape().elements()).sum();
    long budget = (long) Math.floor(options.bitsPerWeight() * weights / 8);
    requireRoom(layers, weights, budget, options);
    int[] choice = Knapsack.solve(layers, budget);
    double measured = sensitivity.divergence(reference, layers, choice);
    List<BudgetPlan.Uniform> uniform = new ArrayList<>();
    boolean fromUniform = false;
    for (Scheme scheme : options.candidates()) {
      int[] same = uniform(layers, scheme);
      long bytes = Knapsack.bytes(layers, same);
      double divergence =
          Arrays.equals(same, choice) ? measured : sensitivity.divergence(reference, layers, same);
      boolean fits = bytes <= budget;
      uniform.add(
          new BudgetPlan.Uniform(
              scheme, bytes, Knapsack.divergence(layers, same), divergence, fits));
      if (fits && divergence < measured) {
        choice = same;
        measured = divergence;
        fromUniform = true;
      }
    }
    List<BudgetPlan.Layer> chosen = new ArrayList<>();
    for (int l = 0; l < choice.length; l++) {
      LayerOptions layer = layers.get(l);
      chosen.add(new BudgetPlan.Layer(layer, choice[l], Reasons.of(layer, choice[l])));
    }
    return new BudgetPlan(
        options.bitsPerWeight(),
        chosen,
        Knapsack.bytes(layers, choice),
        Knapsack.divergence(layers, choice),
        measured,
        uniform,
        tokens,
        fromUniform);
  }

  private static void requireRoom(
      List<LayerOptions> layers, long weights, long budget, Options options) {
    long smallest = layers.stream().mapToLong(LayerOptions::smallest).sum();
    if (smallest > budget) {
      throw new UserException(
          "A budget of %s bits per weight is too small: the smallest of %s take %.3f with their scales; raise it or add a smaller candidate."
              .formatted(options.bitsPerWeight(), options.candidates(), 8.0 * smallest / weights));
    }
  }

  /// The option with this scheme in every layer, and the smallest where it does not fit.
  private static int[] uniform(List<LayerOptions> layers, Scheme scheme) {
    int[] choice = new int[layers.size()];
    for (int l = 0; l < choice.length; l++) {
      List<Option> options = layers.get(l).options();
      for (int o = 0; o < options.size(); o++) {
        if (options.get(o).scheme().equals(scheme)) {
          choice[l] = o;
        }
      }
    }
    return choice;
  }
}
