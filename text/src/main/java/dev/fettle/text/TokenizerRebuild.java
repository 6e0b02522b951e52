package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Normalizer, pre-tokenizer and decoder as the tokenizer classes of transformers 5 set them up,
/// whatever the `tokenizer.json` says. Source: `tokenization_llama.py`, `tokenization_gemma.py`,
/// `tokenization_qwen2.py`, `tokenization_gpt2.py`.
///
/// A file that is of another make than its class (byte-level under a class for SentencePiece, or
/// the other way round) is left as it is: transformers would read text with it that no model was
/// trained on.
final class TokenizerRebuild {
  private static final String MARK = "\u2581";
  private static final String QWEN2_WORDS =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  private final ObjectNode json;
  private final ObjectNode config;

  private TokenizerRebuild(ObjectNode json, ObjectNode config) {
    this.json = json;
    this.config = config;
  }

  /// Whether the class brings its own steps to this file.
  static boolean applies(TokenizerClass kind, ObjectNode json) {
    boolean merges = json.path("model").path("type").asString("BPE").equals("BPE");
    boolean byteLevel = mentions(json.path("pre_tokenizer"), "ByteLevel");
    return merges
        && switch (kind) {
          case AS_FILE -> false;
          case LLAMA, GEMMA -> !byteLevel && marksSpaces(json);
          case QWEN2, GPT2 -> byteLevel;
        };
  }

  private static boolean marksSpaces(ObjectNode json) {
    return json.path("model").path("byte_fallback").asBoolean(false)
        || json.path("model").path("vocab").has(MARK);
  }

  private static boolean mentions(JsonNode step, String type) {
    if (step.path("type").asString("").equals(type)) {
      return true;
    }
    for (JsonNode child : step.path("pretokenizers")) {
      if (mentions(child, type)) {
        return true;
      }
    }
    return false;
  }

  /// Changes `json`.
  ///
  /// @param config `tokenizer_config.json`
  static void apply(TokenizerClass kind, ObjectNode json, ObjectNode config) {
    TokenizerRebuild rebuild = new TokenizerRebuild(json, config);
    switch (kind) {
      case AS_FILE -> {}
      case LLAMA -> rebuild.llama();
      case GEMMA -> rebuild.gemma();
      case QWEN2 -> rebuild.qwen2();
      case GPT2 -> rebuild.gpt2();
    }
  }

  private void llama() {
    model(null, true);
    json.putNull("normalizer");
    boolean prefix = config.path("add_prefix_space").asBoolean(true);
    boolean legacy = config.path("legacy").asBoolean(false);
    json.putObject("pre_tokenizer")
        .put("type", "Metaspace")
        .put("replacement", MARK)
        .put("prepend_scheme", prefix ? legacy ? "always" : "first" : "never")
        .put("split", false);
    ArrayNode decoders = pieces();
    if (prefix) {
      decoders.addObject().put("type", "Strip").put("content", " ").put("start", 1).put("stop", 0);
    }
  }

  private void gemma() {
    model(new SpecialTokenMap(config, TokenizerClass.GEMMA).text("unk_token"), true);
    replace(json.putObject("normalizer"), " ", MARK);
    ObjectNode split = json.putObject("pre_tokenizer").put("type", "Split");
    split.put("behavior", "MergedWithPrevious").put("invert", false);
    split.putObject("pattern").put("String", " ");
    pieces();
  }

  private ArrayNode pieces() {
    ArrayNode decoders = json.putObject("decoder").put("type", "Sequence").putArray("decoders");
    replace(decoders.addObject(), MARK, " ");
    decoders.addObject().put("type", "ByteFallback");
    decoders.addObject().put("type", "Fuse");
    return decoders;
  }

  private static void replace(ObjectNode step, String pattern, String content) {
    step.put("type", "Replace").put("content", content).putObject("pattern").put("String", pattern);
  }

  private void qwen2() {
    model(null, false);
    json.putObject("normalizer").put("type", "NFC");
    ArrayNode steps =
        json.putObject("pre_tokenizer").put("type", "Sequence").putArray("pretokenizers");
    ObjectNode split = steps.addObject().put("type", "Split");
    split.put("behavior", "Isolated").put("invert", false);
    split.putObject("pattern").put("Regex", QWEN2_WORDS);
    byteLevel(steps.addObject(), false);
    byteLevel(json.putObject("decoder"), true);
  }

  private void gpt2() {
    model(null, false);
    json.putNull("normalizer");
    byteLevel(json.putObject("pre_tokenizer"), true);
    byteLevel(json.putObject("decoder"), true);
  }

  private void byteLevel(ObjectNode step, boolean ownWords) {
    step.put("type", "ByteLevel")
        .put("add_prefix_space", config.path("add_prefix_space").asBoolean(false))
        .put("trim_offsets", true)
        .put("use_regex", ownWords);
  }

  private void model(@Nullable String unknown, boolean byteFallback) {
    ObjectNode model = (ObjectNode) json.get("model");
    JsonNode vocabulary = model.path("vocab");
    JsonNode merges = model.path("merges");
    ObjectNode fresh = Json.object().put("type", "BPE");
    fresh.putNull("dropout").put("unk_token", unknown);
    fresh.putNull("continuing_subword_prefix").putNull("end_of_word_suffix");
    fresh.put("fuse_unk", byteFallback).put("byte_fallback", byteFallback);
    fresh.put("ignore_merges", false);
    fresh.set("vocab", vocabulary);
    fresh.set("merges", merges);
    json.set("model", fresh);
  }
}
