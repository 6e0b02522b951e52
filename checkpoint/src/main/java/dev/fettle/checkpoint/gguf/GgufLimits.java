package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.Activation;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.Multipliers;
import dev.fettle.tensor.UserException;

/// Refuses models that llama.cpp would load and compute otherwise, or not load at all. Source:
/// llama.cpp, `src/models/`.
final class GgufLimits {
  /// A cap this high does not change a float32 number below 1000: `cap · tanh(x / cap)` is off by
  /// `x³ / (3 · cap²)`. Gemma 2 always caps in llama.cpp; a power of 2 scales without rounding.
  static final double NO_CAP = 1 << 20;

  private final GgufFamily family;
  private final ModelConfig config;
  private final String source;

  private GgufLimits(GgufFamily family, ModelConfig config, String source) {
    this.family = family;
    this.config = config;
    this.source = source;
  }

  /// @throws UserException if llama.cpp's architecture lacks something that the model has
  static void check(GgufFamily family, ModelConfig config, String source) {
    new GgufLimits(family, config, source).check();
  }

  private void check() {
    refuse(
        config.biases().output() && !family.has(GgufTrait.OUTPUT_BIAS),
        "a bias on the attention's output projection (attention_bias)");
    refuse(
        config.biases().mlp() && !family.has(GgufTrait.MLP_BIAS),
        "biases in the feed-forward part (mlp_bias)");
    refuse(
        config.activation() != activation(family),
        "the activation " + config.activation().hiddenAct());
    refuse(
        !config.tieWordEmbeddings() && !family.has(GgufTrait.OWN_HEAD),
        "an output head of its own (tie_word_embeddings is false)");
    refuse(
        config.softCaps().attention() != null && !family.has(GgufTrait.SOFT_CAPS),
        "a soft cap on attention scores");
    refuse(
        config.softCaps().logits() != null
            && !family.has(GgufTrait.SOFT_CAPS)
            && !family.has(GgufTrait.LOGITS_CAP),
        "a soft cap on logits");
    checkMultipliers();
    refuse(
        config.fusedProjections()
            && config.numAttentionHeads() * config.headDim() != config.hiddenSize(),
        "heads (%d of width %d) other than hidden size %d / heads"
            .formatted(config.numAttentionHeads(), config.headDim(), config.hiddenSize()));
  }

  private void checkMultipliers() {
    Multipliers own = config.multipliers();
    if (!family.has(GgufTrait.MULTIPLIERS)) {
      refuse(!own.equals(multipliers(family, config.hiddenSize())), "multipliers " + own);
      return;
    }
    for (double each : new double[] {own.embedding(), own.residual(), config.attentionScale()}) {
      refuse(each == 0, "a multiplier of 0, which llama.cpp takes for an absent one");
    }
  }

  static Activation activation(GgufFamily family) {
    return family.has(GgufTrait.GEMMA) ? Activation.GELU_TANH : Activation.SILU;
  }

  /// Those of families whose files do not say any.
  static Multipliers multipliers(GgufFamily family, int hiddenSize) {
    return family.has(GgufTrait.GEMMA)
        ? new Multipliers(Math.sqrt(hiddenSize), 1, 1)
        : Multipliers.NONE;
  }

  private void refuse(boolean condition, String what) {
    if (condition) {
      throw new UserException(
          "Model %s has %s, which architecture '%s' of llama.cpp does not compute; use it as a Hugging Face folder."
              .formatted(source, what, family.architecture()));
    }
  }
}
