package dev.fettle.calibrate.budget;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.CausalLm;
import dev.fettle.model.Linear;
import dev.fettle.model.Weight;
import dev.fettle.quantize.CheckpointQuantizer;
import dev.fettle.quantize.QuantizeOptions;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;

/// What each layer costs in each scheme: the divergence of the model in which that layer alone is
/// quantized. The idea of sensitivity per layer is that of Dong et al. 2019 (HAWQ,
/// arXiv:1905.03696); measured on the output itself as in Li et al. 2021 (BRECQ, arXiv:2102.05426),
/// section 3.4, here as the divergence of the predictions.
final class Sensitivity {
  private final Checkpoint folder;
  private final CausalLm model;
  private final BudgetSearch.Options options;

  /// @param model of `folder`, unchanged
  Sensitivity(Checkpoint folder, CausalLm model, BudgetSearch.Options options) {
    this.folder = folder;
    this.model = model;
    this.options = options;
  }

  /// Options of every layer that is quantized, measured on the reference's text: the candidates
  /// that fit its shape.
  ///
  /// @throws UserException if none does
  List<LayerOptions> measure(ReferenceRun reference, BudgetSearch.Progress progress) {
    QuantizeOptions wanted =
        new QuantizeOptions(options.candidates().getFirst(), null, options.skipModules());
    List<Linear> linears =
        model.linears().values().stream()
            .filter(linear -> wanted.schemeOf(linear.path()) != null)
            .toList();
    List<LayerOptions> layers = new ArrayList<>();
    int total = linears.size();
    for (int block = 0; block < model.blocks(); block++) {
      String prefix = "model.layers." + block + ".";
      for (Linear linear : linears) {
        if (linear.path().startsWith(prefix)) {
          progress.layer(layers.size(), total, linear.path());
          layers.add(measure(linear, reference));
        }
      }
      reference.advance();
    }
    progress.layer(total, total, "");
    return layers;
  }

  private LayerOptions measure(Linear linear, ReferenceRun reference) {
    List<Scheme> candidates = options.candidates();
    TensorInfo info = info(linear);
    List<Option> found = new ArrayList<>();
    for (Scheme scheme : candidates) {
      if (Candidates.fits(scheme, info.shape())) {
        long bytes = CheckpointQuantizer.storedBytes(info, scheme);
        found.add(new Option(scheme, bytes, divergence(linear, reference, scheme)));
      }
    }
    if (found.isEmpty()) {
      throw new UserException(
          "No candidate of %s fits the weight of '%s' %s; add one that does, such as int8:sym:channel."
              .formatted(candidates, linear.path(), info.shape()));
    }
    found.sort(Comparator.comparingLong(Option::bytes).thenComparingDouble(Option::divergence));
    return new LayerOptions(linear.path(), info.shape(), found);
  }

  private TensorInfo info(Linear linear) {
    return Objects.requireNonNull(folder.infos().get(linear.path() + ".weight"));
  }

  private double divergence(Linear linear, ReferenceRun reference, Scheme scheme) {
    Weight original = linear.weight();
    try (Arena arena = Arena.ofShared();
        Scope scope = Scope.open()) {
      put(linear, scheme, arena);
      double divergence = reference.divergence();
      if (!Double.isFinite(divergence)) {
        throw new UserException(
            "With '%s' in %s the model predicts NaN; check the weights of the model, or leave the layer out with --skip-modules."
                .formatted(linear.path(), scheme));
      }
      return divergence;
    } finally {
      linear.weight(original);
    }
  }

  /// Puts a quantized weight in place, in memory of the arena and of the current scope.
  void put(Linear linear, Scheme scheme, Arena arena) {
    HostTensor stored = folder.tensor(linear.path() + ".weight");
    if (scheme instanceof Scheme.Cast cast) {
      Tensor rounded = Tensors.copyOf(stored).to(cast.dtype()).to(model.computeDtype());
      linear.weight(new Weight.Dense(rounded));
    } else {
      linear.weight(
          new Weight.Quantized(options.quantizer().quantize(linear.path(), stored, scheme, arena)));
    }
  }

  /// The divergence of the model with these schemes in all layers.
  ///
  /// @param reference before the first block
  double divergence(ReferenceRun reference, List<LayerOptions> layers, int[] choice) {
    List<Weight> originals = new ArrayList<>();
    try (Arena arena = Arena.ofShared();
        Scope scope = Scope.open()) {
      for (int l = 0; l < choice.length; l++) {
        Linear linear = model.linear(layers.get(l).path());
        originals.add(linear.weight());
        put(linear, layers.get(l).options().get(choice[l]).scheme(), arena);
      }
      return reference.divergence();
    } finally {
      for (int l = 0; l < originals.size(); l++) {
        model.linear(layers.get(l).path()).weight(originals.get(l));
      }
    }
  }
}
