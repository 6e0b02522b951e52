package dev.fettle.text;

import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The class that transformers 5 opens a tokenizer with. Most take `tokenizer.json` as it is; a few
/// take only vocabulary, merges and post-processor from it and bring the rest themselves.
///
/// Which one it is follows `AutoTokenizer.from_pretrained`: the model type in `config.json` has a
/// class registered, and `tokenizer_config.json` may name another. A tokenizer without a
/// `config.json` beside it is taken as it is.
enum TokenizerClass {
  AS_FILE(Map.of()),
  LLAMA(Map.of("unk_token", "<unk>", "bos_token", "<s>", "eos_token", "</s>")),
  GEMMA(
      Map.of(
          "unk_token", "<unk>",
          "bos_token", "<bos>",
          "eos_token", "<eos>",
          "pad_token", "<pad>",
          "mask_token", "<mask>")),
  QWEN2(
      Map.of(
          "unk_token", "<|endoftext|>",
          "eos_token", "<|endoftext|>",
          "pad_token", "<|endoftext|>")),
  GPT2(
      Map.of(
          "unk_token", "<|endoftext|>",
          "bos_token", "<|endoftext|>",
          "eos_token", "<|endoftext|>"));

  /// Model types whose registered class is used whatever `tokenizer_config.json` says, among those
  /// that have a class of their own.
  private static final Set<String> REGISTERED_WINS =
      Set.of("qwen2", "qwen3_5", "qwen3_5_moe", "qwen3_5_moe_text");

  private static final Set<String> REGISTERED_AS_FILE =
      Set.of(
          "mistral",
          "mixtral",
          "mistral3",
          "ministral",
          "ministral3",
          "phi3",
          "phimoe",
          "granite",
          "granitemoe",
          "olmo2",
          "olmo3",
          "deepseek_v2",
          "deepseek_v3",
          "nemotron");

  private final Map<String, String> defaults;

  TokenizerClass(Map<String, String> defaults) {
    this.defaults = defaults;
  }

  /// The special tokens of a folder that does not name them.
  Map<String, String> defaults() {
    return defaults;
  }

  /// @param tokenizerConfig `tokenizer_config.json`
  /// @param modelConfig `config.json`, or an empty object
  static TokenizerClass of(JsonNode tokenizerConfig, JsonNode modelConfig) {
    String modelType = modelConfig.path("model_type").asString("");
    if (modelType.isEmpty()) {
      return AS_FILE; // a tokenizer without a model
    }
    @Nullable TokenizerClass registered = registered(modelType);
    String own = tokenizerConfig.path("tokenizer_class").asString("");
    String named = own.isEmpty() ? modelConfig.path("tokenizer_class").asString("") : own;
    if (registered == null || named.isEmpty()) {
      return own.isEmpty() ? (registered == null ? AS_FILE : registered) : byName(own);
    }
    if (registered == AS_FILE || REGISTERED_WINS.contains(modelType)) {
      return registered;
    }
    return byName(named);
  }

  private static @Nullable TokenizerClass registered(String modelType) {
    return switch (modelType) {
      case "gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text" -> GEMMA;
      case "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "qwen3_5", "qwen3_5_moe" -> QWEN2;
      case "gpt2", "phi" -> GPT2;
      default -> REGISTERED_AS_FILE.contains(modelType) ? AS_FILE : null;
    };
  }

  private static TokenizerClass byName(String name) {
    return switch (name.endsWith("Fast") ? name.substring(0, name.length() - 4) : name) {
      case "LlamaTokenizer" -> LLAMA;
      case "GemmaTokenizer" -> GEMMA;
      case "Qwen2Tokenizer" -> QWEN2;
      case "GPT2Tokenizer" -> GPT2;
      default -> AS_FILE;
    };
  }
}
