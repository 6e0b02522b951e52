package dev.fettle.checkpoint;

import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// How rotary position embeddings are stretched beyond the length a model was first trained for.
/// Source of the kinds: transformers, `modeling_rope_utils.py`.
public sealed interface RopeScaling {
  /// All angles divided by `factor`.
  record Linear(double factor) implements RopeScaling {}

  /// Llama 3.1: low frequencies divided by `factor`, high ones kept, a smooth transition between.
  ///
  /// @param originalMaxPositionEmbeddings the length of the first training, in tokens
  record Llama3(
      double factor, double lowFreqFactor, double highFreqFactor, int originalMaxPositionEmbeddings)
      implements RopeScaling {}

  /// A larger base for texts longer than the model was trained for: `theta · (factor · length /
  /// maxPositionEmbeddings − (factor − 1))^(dims / (dims − 2))`.
  record Dynamic(double factor, int maxPositionEmbeddings) implements RopeScaling {}

  /// YaRN, Peng et al. 2023, arXiv:2309.00071, section 3.
  ///
  /// @param attentionFactor factor of cosines and sines
  /// @param betaFast rotations within the original length above which a frequency is kept
  /// @param betaSlow rotations below which it is divided by `factor`
  /// @param truncate whether the borders between are rounded to whole dimensions
  record Yarn(
      double factor,
      double attentionFactor,
      double betaFast,
      double betaSlow,
      boolean truncate,
      int originalMaxPositionEmbeddings)
      implements RopeScaling {}

  /// LongRoPE, Ding et al. 2024, arXiv:2402.13753: a divisor for each frequency.
  ///
  /// @param shortFactor for texts up to the original length
  /// @param longFactor for longer ones, as many
  /// @param attentionFactor factor of cosines and sines
  record Longrope(
      List<Double> shortFactor,
      List<Double> longFactor,
      double attentionFactor,
      int originalMaxPositionEmbeddings)
      implements RopeScaling {
    public Longrope {
      shortFactor = List.copyOf(shortFactor);
      longFactor = List.copyOf(longFactor);
    }
  }

  /// The value of `rope_scaling` that is read back as this.
  default ObjectNode toJson() {
    ObjectNode json = Json.object();
    return switch (this) {
      case RopeScaling.Linear linear ->
          json.put("rope_type", "linear").put("factor", linear.factor());
      case RopeScaling.Dynamic dynamic ->
          json.put("rope_type", "dynamic").put("factor", dynamic.factor());
      case RopeScaling.Llama3 llama3 ->
          json.put("rope_type", "llama3")
              .put("factor", llama3.factor())
              .put("low_freq_factor", llama3.lowFreqFactor())
              .put("high_freq_factor", llama3.highFreqFactor())
              .put("original_max_position_embeddings", llama3.originalMaxPositionEmbeddings());
      case RopeScaling.Yarn yarn ->
          json.put("rope_type", "yarn")
              .put("factor", yarn.factor())
              .put("attention_factor", yarn.attentionFactor())
              .put("beta_fast", yarn.betaFast())
              .put("beta_slow", yarn.betaSlow())
              .put("truncate", yarn.truncate())
              .put("original_max_position_embeddings", yarn.originalMaxPositionEmbeddings());
      case RopeScaling.Longrope longrope -> {
        json.put("rope_type", "longrope");
        longrope.shortFactor().forEach(json.putArray("short_factor")::add);
        longrope.longFactor().forEach(json.putArray("long_factor")::add);
        yield json.put("attention_factor", longrope.attentionFactor())
            .put("original_max_position_embeddings", longrope.originalMaxPositionEmbeddings());
      }
    };
  }
}
