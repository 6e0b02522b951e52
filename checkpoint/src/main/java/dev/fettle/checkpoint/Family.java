package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The supported model families and the defaults in which their configurations differ. Source: the
/// `configuration_*.py` of transformers.
enum Family {
  LLAMA("LlamaForCausalLM", 2048),
  MISTRAL("MistralForCausalLM", 4096 * 32),
  QWEN2("Qwen2ForCausalLM", 32768);

  private final String className;
  private final int maxPositionEmbeddings;

  Family(String className, int maxPositionEmbeddings) {
    this.className = className;
    this.maxPositionEmbeddings = maxPositionEmbeddings;
  }

  /// @throws UserException if the family is not supported
  static Family of(String modelType, String source) {
    for (Family family : values()) {
      if (family.modelType().equals(modelType)) {
        return family;
      }
    }
    throw new UserException(
        "model_type '"
            + modelType
            + "' in "
            + source
            + " is not supported yet; supported: llama, mistral, qwen2.");
  }

  String modelType() {
    return name().toLowerCase(Locale.ROOT);
  }

  String className() {
    return className;
  }

  int maxPositionEmbeddings() {
    return maxPositionEmbeddings;
  }

  /// Key/value heads when the configuration does not say.
  int keyValueHeads(int attentionHeads) {
    return switch (this) {
      case LLAMA -> attentionHeads;
      case MISTRAL -> 8;
      case QWEN2 -> 32;
    };
  }

  /// Mistral's window is on unless it is null; Qwen2's only with `use_sliding_window`.
  @Nullable Integer slidingWindow(ConfigKeys keys) {
    return switch (this) {
      case LLAMA -> null;
      case MISTRAL ->
          keys.object().has("sliding_window")
              ? keys.nullableInt("sliding_window")
              : Integer.valueOf(4096);
      case QWEN2 ->
          keys.bool("use_sliding_window", false)
              ? Integer.valueOf(keys.positiveInt("sliding_window", 4096))
              : null;
    };
  }
}
