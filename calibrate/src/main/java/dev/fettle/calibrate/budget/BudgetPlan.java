package dev.fettle.calibrate.budget;

import dev.fettle.quantize.Scheme;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// A scheme for every linear layer, and why.
///
/// @param budget bits per weight that were allowed, counting everything stored for these layers
/// @param layers the chosen options with those that were not
/// @param bytes stored for all layers
/// @param predicted divergence: the sum of the layers' own, in nats per token
/// @param measured divergence of the model with all of them, in nats per token
/// @param uniform the same schemes for all layers, for comparison
/// @param tokens the divergences were measured on
/// @param fromUniform whether a uniform scheme measured better than the sum had promised for the
///   mixture, and was taken
public record BudgetPlan(
    double budget,
    List<Layer> layers,
    long bytes,
    double predicted,
    double measured,
    List<Uniform> uniform,
    long tokens,
    boolean fromUniform) {

  /// @param chosen number of the option taken
  /// @param reason in words
  public record Layer(LayerOptions options, int chosen, String reason) {
    public Option option() {
      return options.options().get(chosen);
    }
  }

  /// One scheme for all layers; those it does not fit have their smallest option.
  ///
  /// @param predicted sum of the layers' divergences
  /// @param measured divergence in nats per token
  /// @param fits whether it is within the budget
  public record Uniform(
      Scheme scheme, long bytes, double predicted, double measured, boolean fits) {}

  /// Weights in all layers.
  public long weights() {
    return layers.stream().mapToLong(layer -> layer.options().shape().elements()).sum();
  }

  /// Everything stored for these layers, per weight.
  public double bitsPerWeight() {
    return 8.0 * bytes / weights();
  }

  /// The chosen schemes by the layer's full path, for {@link
  /// dev.fettle.quantize.QuantizeOptions#moduleSchemes}.
  public SequencedMap<String, Scheme> schemes() {
    SequencedMap<String, Scheme> schemes = new LinkedHashMap<>();
    layers.forEach(layer -> schemes.put(layer.options().path(), layer.option().scheme()));
    return schemes;
  }
}
