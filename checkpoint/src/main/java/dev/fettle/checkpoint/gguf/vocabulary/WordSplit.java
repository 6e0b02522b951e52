package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Finds llama.cpp's name for the way in which a byte-level `tokenizer.json` cuts text into words.
final class WordSplit {
  private WordSplit() {}

  /// @param name the name to use instead of looking for one, or null
  /// @throws UserException if the name is unknown, or none does the same
  static PreTokenizer of(HfTokenizer tokenizer, @Nullable String name) {
    if (name != null) {
      @Nullable PreTokenizer named = PreTokenizer.named(name);
      if (named == null) {
        throw new UserException(
            "There is no pre-tokenizer '" + name + "'; known are " + PreTokenizer.names() + ".");
      }
      return named;
    }
    @Nullable List<String> patterns = patterns(tokenizer);
    @Nullable PreTokenizer found =
        patterns == null ? null : PreTokenizer.of(patterns, tokenizer.ignoreMerges());
    if (found == null) {
      throw new UserException(
          "llama.cpp has no name for the way in which "
              + tokenizer.source()
              + " cuts text into words (pre_tokenizer "
              + excerpt(tokenizer.json().path("pre_tokenizer"))
              + ", ignore_merges "
              + tokenizer.ignoreMerges()
              + "); if it does the same as one of "
              + PreTokenizer.names()
              + ", put \""
              + FolderConfig.PRE_TOKENIZER
              + "\": NAME into tokenizer_config.json beside it.");
    }
    return found;
  }

  private static String excerpt(JsonNode node) {
    String text = node.toString();
    return text.length() <= 300 ? text : text.substring(0, 300) + "\u2026";
  }

  /// The patterns that cut the text, one after the other, or null if there is another kind of step.
  private static @Nullable List<String> patterns(HfTokenizer tokenizer) {
    List<String> patterns = new ArrayList<>();
    boolean bytes = false;
    for (JsonNode step : tokenizer.steps("pre_tokenizer", "pretokenizers")) {
      @Nullable String pattern = pattern(step);
      if (pattern == null) {
        return null;
      }
      bytes |= isByteLevel(step);
      if (!pattern.isEmpty()) {
        patterns.add(pattern);
      }
    }
    return bytes ? patterns : null;
  }

  /// What one step cuts with; empty if it cuts nothing, null if it does something else.
  private static @Nullable String pattern(JsonNode step) {
    return switch (step.path("type").asString("")) {
      case "ByteLevel" -> byteLevel(step);
      case "Split" -> split(step);
      case "Digits" ->
          step.path("individual_digits").asBoolean(false)
              ? WordPatterns.DIGIT
              : WordPatterns.DIGITS;
      case "Punctuation" ->
          step.path("behavior").asString("Isolated").equals("Contiguous")
              ? WordPatterns.PUNCTUATION
              : null;
      default -> null;
    };
  }

  static boolean isByteLevel(JsonNode step) {
    return step.path("type").asString("").equals("ByteLevel");
  }

  private static @Nullable String byteLevel(JsonNode step) {
    if (step.path("add_prefix_space").asBoolean(true)) {
      return null; // llama.cpp puts no space in front of byte-level text
    }
    return step.path("use_regex").asBoolean(true) ? WordPatterns.GPT_2 : "";
  }

  /// Keeping what matches and dropping the rest is the same as keeping both where the pattern
  /// matches everything, as published ones do.
  private static @Nullable String split(JsonNode step) {
    JsonNode regex = step.path("pattern").path("Regex");
    String behaviour = step.path("behavior").asString("");
    boolean invert = step.path("invert").asBoolean(false);
    boolean keepsAll = behaviour.equals("Isolated") || (behaviour.equals("Removed") && invert);
    if (!regex.isString() || !keepsAll) {
      return null;
    }
    return regex.asString().replace("\r", "\\r").replace("\n", "\\n");
  }
}
