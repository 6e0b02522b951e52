package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.tensor.UserException;
import tools.jackson.databind.JsonNode;

/// How a SentencePiece-like `tokenizer.json` treats spaces: each becomes U+2581, and one may be put
/// in front.
final class SpaceMarks {
  private static final String MARK = "\u2581";

  private SpaceMarks() {}

  /// Whether a space is put in front of the text.
  ///
  /// A `Metaspace` step that does so only at the very beginning is taken for one that does so after
  /// every control token, since llama.cpp knows no other.
  ///
  /// @throws UserException if a step does something that GGUF cannot carry
  static boolean prefix(HfTokenizer tokenizer) {
    boolean marked = false;
    boolean prefix = false;
    for (JsonNode step : tokenizer.steps("normalizer", "normalizers")) {
      if (isReplace(step)) {
        marked = true;
      } else if (isPrepend(step)) {
        prefix = true;
      } else {
        throw normalizer(tokenizer, step.path("type").asString(""));
      }
    }
    for (JsonNode step : tokenizer.steps("pre_tokenizer", "pretokenizers")) {
      if (isMetaspace(step)) {
        marked = true;
        prefix |= !step.path("prepend_scheme").asString("always").equals("never");
      } else if (!isIdleSplit(step) || !marked) {
        throw new UserException(
            "The tokenizer "
                + tokenizer.source()
                + " cuts text with a "
                + step.path("type").asString("")
                + " step, which a SentencePiece vocabulary in GGUF cannot carry.");
      }
    }
    if (!marked) {
      throw new UserException(
          "The tokenizer "
              + tokenizer.source()
              + " falls back to bytes but does not turn spaces into U+2581, so GGUF cannot carry it.");
    }
    return prefix;
  }

  static UserException normalizer(HfTokenizer tokenizer, String type) {
    return new UserException(
        "The tokenizer "
            + tokenizer.source()
            + " normalizes text with "
            + type
            + ", which llama.cpp does not do, so GGUF cannot carry it.");
  }

  private static boolean isReplace(JsonNode step) {
    return step.path("type").asString("").equals("Replace")
        && step.path("pattern").path("String").asString("").equals(" ")
        && step.path("content").asString("").equals(MARK);
  }

  private static boolean isPrepend(JsonNode step) {
    return step.path("type").asString("").equals("Prepend")
        && step.path("prepend").asString("").equals(MARK);
  }

  private static boolean isMetaspace(JsonNode step) {
    return step.path("type").asString("").equals("Metaspace")
        && step.path("replacement").asString("").equals(MARK)
        && !step.path("split").asBoolean(true);
  }

  /// Gemma's: cuts at spaces, of which the normalizer leaves none.
  private static boolean isIdleSplit(JsonNode step) {
    return step.path("type").asString("").equals("Split")
        && step.path("pattern").path("String").asString("").equals(" ");
  }
}
