package dev.fettle.checkpoint.gguf.vocabulary;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The ways of cutting text into words that llama.cpp knows by a name under `tokenizer.ggml.pre`.
/// Source of names and flags: llama.cpp, `src/llama-vocab.cpp`; the patterns are those of the
/// Hugging Face tokenizers that the names stand for. Each pattern cuts what the one before left.
///
/// llama.cpp's converter finds the name by a hash of the token ids of a test text, so it knows a
/// tokenizer only with its own vocabulary. Two tokenizers with the same patterns behave the same,
/// so here the patterns decide.
enum PreTokenizer {
  GPT_2(
      "gpt-2 phi-2 jina-es jina-de jina-v2-es jina-v2-de gigachat a.x-4.0 mellum modern-bert mpt"
          + " olmo jais trillion granite-docling exaone4",
      Flag.NONE,
      WordPatterns.GPT_2),
  LLAMA_3(
      "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
      Flag.WHOLE_WORDS_AND_BOS,
      WordPatterns.LLAMA_3),
  DBRX("dbrx smaug-bpe glm4 chatglm-bpe", Flag.NONE, WordPatterns.LLAMA_3),
  QWEN_2(
      "qwen2 deepseek-r1-qwen stablelm2 kormo f2llmv2 megrez hunyuan solar-open grok-2",
      Flag.NONE,
      WordPatterns.QWEN_2),
  QWEN_3_5("qwen35", Flag.NONE, WordPatterns.QWEN_3_5),
  SMOLLM(
      "smollm starcoder refact command-r codeshell exaone minerva-7b mellum2",
      Flag.NONE,
      WordPatterns.DIGIT,
      WordPatterns.GPT_2),
  DEEPSEEK_3(
      "deepseek-v3 hunyuan-dense joyai-llm",
      Flag.NONE,
      WordPatterns.UP_TO_THREE_DIGITS,
      WordPatterns.EAST_ASIAN,
      WordPatterns.DEEPSEEK_3),
  DEEPSEEK_CODER(
      "deepseek-coder",
      Flag.NONE,
      "[\\r\\n]",
      "\\s?\\p{L}+",
      "\\s?\\p{P}+",
      "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+",
      WordPatterns.DIGIT),
  GPT_4O("gpt-4o llama4 kanana2 talkie minimax-m2", Flag.NONE, WordPatterns.GPT_4O),
  TEKKEN("tekken", Flag.WHOLE_WORDS_AND_BOS, WordPatterns.TEKKEN),
  FALCON(
      "falcon",
      Flag.NONE,
      WordPatterns.PUNCTUATION,
      WordPatterns.GPT_2,
      WordPatterns.DIGITS,
      WordPatterns.THREE_DIGITS),
  BLOOM("bloom poro-chat gpt3-finnish", Flag.NONE, WordPatterns.BLOOM),
  VIKING("viking", Flag.NONE, WordPatterns.BLOOM, WordPatterns.DIGIT),
  /// What llama.cpp takes when a file names nothing.
  DEFAULT(
      "default",
      Flag.NONE,
      "[\\p{P}\\$\\+<=>\\^~\\|]+",
      WordPatterns.GPT_2,
      WordPatterns.DIGITS,
      WordPatterns.THREE_DIGITS);

  /// What else llama.cpp ties to the name.
  private enum Flag {
    NONE,
    /// A word that is a token is taken whole before any merge (`ignore_merges`), and a BOS token is
    /// added unless the metadata says otherwise.
    WHOLE_WORDS_AND_BOS
  }

  private final List<String> names;
  private final Flag flag;
  private final List<String> patterns;

  PreTokenizer(String names, Flag flag, String... patterns) {
    this.names = List.of(names.split(" "));
    this.flag = flag;
    this.patterns = List.of(patterns);
  }

  /// The name to write.
  String canonicalName() {
    return names.getFirst();
  }

  List<String> patterns() {
    return patterns;
  }

  /// Whether a word that is a token is taken whole, even if merges do not lead to it.
  boolean wholeWords() {
    return flag == Flag.WHOLE_WORDS_AND_BOS;
  }

  /// Whether a BOS token is added if the metadata does not say.
  boolean bosByDefault() {
    return flag == Flag.WHOLE_WORDS_AND_BOS;
  }

  /// What llama.cpp does under this name, or null if it is not among those above.
  static @Nullable PreTokenizer named(String name) {
    return Arrays.stream(values()).filter(p -> p.names.contains(name)).findFirst().orElse(null);
  }

  /// The one that cuts with these patterns, or null.
  static @Nullable PreTokenizer of(List<String> patterns, boolean wholeWords) {
    return Arrays.stream(values())
        .filter(p -> p.patterns.equals(patterns) && p.wholeWords() == wholeWords)
        .findFirst()
        .orElse(null);
  }

  /// The names to write, for messages.
  static String names() {
    return Arrays.stream(values())
        .map(PreTokenizer::canonicalName)
        .collect(Collectors.joining(", "));
  }
}
