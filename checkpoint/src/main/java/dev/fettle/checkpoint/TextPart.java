package dev.fettle.checkpoint;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The language model inside a published `Gemma3ForConditionalGeneration`, which also sees images:
/// from here on it is a `Gemma3ForCausalLM`, and the tensors of the vision part are left out.
///
/// The larger models of the family are published in this form alone. Their `text_config` leaves out
/// what has the default of transformers' `Gemma3TextConfig`.
final class TextPart {
  private static final String TEXT_CONFIG = "text_config";

  private static final Map<String, Integer> DEFAULT_SIZES =
      Map.of(
          "vocab_size", 262_208,
          "hidden_size", 2304,
          "intermediate_size", 9216,
          "num_hidden_layers", 26,
          "num_attention_heads", 8);

  /// What the whole model's configuration says for the text too.
  private static final List<String> INHERITED =
      List.of(
          "dtype",
          "torch_dtype",
          "tie_word_embeddings",
          "bos_token_id",
          "eos_token_id",
          "pad_token_id",
          "quantization_config",
          "transformers_version");

  /// As published, and as transformers names the modules since 4.52.
  private static final List<String> PREFIXES = List.of("language_model.", "model.language_model.");

  private TextPart() {}

  static boolean isIn(ObjectNode config) {
    return config.path("model_type").asString("").equals("gemma3")
        && config.get(TEXT_CONFIG) instanceof ObjectNode;
  }

  /// The configuration of the language model; the same object if that is all there is.
  static ObjectNode config(ObjectNode config) {
    if (!isIn(config) || !(config.get(TEXT_CONFIG) instanceof ObjectNode found)) {
      return config;
    }
    ObjectNode text = found.deepCopy();
    text.putArray("architectures").add("Gemma3ForCausalLM");
    text.put("model_type", "gemma3_text");
    DEFAULT_SIZES.forEach((key, size) -> {
      if (!text.has(key)) {
        text.put(key, size);
      }
    });
    for (String key : INHERITED) {
      if (!text.has(key) && config.has(key)) {
        text.set(key, config.get(key));
      }
    }
    return text;
  }

  /// The name of a stored tensor in the language model, or null if it belongs to the vision part.
  static @Nullable String name(String stored) {
    if (stored.startsWith("lm_head.")) {
      return stored;
    }
    if (stored.startsWith(PREFIXES.get(0))) {
      return stored.substring(PREFIXES.get(0).length());
    }
    return stored.startsWith(PREFIXES.get(1))
        ? "model." + stored.substring(PREFIXES.get(1).length())
        : null;
  }
}
