package dev.fettle.checkpoint.gguf.vocabulary;

/// The regular expressions that byte-level tokenizers cut text with, as `tokenizer.json` holds
/// them.
final class WordPatterns {
  /// What Hugging Face's `ByteLevel` does by itself.
  static final String GPT_2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  static final String DIGIT = "\\p{N}";
  static final String DIGITS = "\\p{N}+";
  static final String THREE_DIGITS = "[0-9][0-9][0-9]";
  static final String UP_TO_THREE_DIGITS = "\\p{N}{1,3}";
  static final String LLAMA_3 = contractionsFirst("\\p{L}+", UP_TO_THREE_DIGITS, "\\p{L}");
  static final String QWEN_2 = contractionsFirst("\\p{L}+", DIGIT, "\\p{L}");
  static final String QWEN_3_5 = contractionsFirst("[\\p{L}\\p{M}]+", DIGIT, "\\p{L}\\p{M}");

  static final String GPT_4O = caseAware("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", UP_TO_THREE_DIGITS);
  static final String TEKKEN = caseAware("", DIGIT);

  /// CJK ideographs, hiragana, katakana.
  static final String EAST_ASIAN = "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+";

  static final String DEEPSEEK_3 =
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
          + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /// What Hugging Face's `Punctuation` finds.
  static final String PUNCTUATION = "[\\p{P}\\$\\+<=>\\^~\\|`]+";

  static final String BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C])]+";

  private WordPatterns() {}

  private static String contractionsFirst(String word, String number, String letters) {
    return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?"
        + word
        + "|"
        + number
        + "| ?[^\\s"
        + letters
        + "\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }

  private static String caseAware(String contractions, String number) {
    String before = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
    String after = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
    return before
        + "*"
        + after
        + "+"
        + contractions
        + "|"
        + before
        + "+"
        + after
        + "*"
        + contractions
        + "|"
        + number
        + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }
}
