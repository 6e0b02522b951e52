package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufValue;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The name in `general.name`, by which llama.cpp decides whether control tokens take the white
/// space after them, as Phi-3's do: GGUF has no key for that. It does so where the name contains
/// `phi-3` or `phi3`, and does not load such a file if one of Phi-3's tokens is missing. Source:
/// llama.cpp, `src/llama-vocab.cpp`.
public final class ModelName {
  /// The tokens llama.cpp then looks for.
  private static final List<String> PHI_3_TOKENS = List.of("</s>", "<unk>", "<s>", "<|endoftext|>");

  private static final Pattern PHI_3 = Pattern.compile("(phi)(-?3)", Pattern.CASE_INSENSITIVE);

  private static final String NAME = "general.name";

  private ModelName() {}

  /// A name that makes llama.cpp read text as this tokenizer does.
  ///
  /// @param wanted the name a user would see
  /// @param tokenizer the keys `tokenizer.*`, and `general.name` of the file they are taken from
  /// @return the name itself, unless it says Phi-3 and the tokenizer is another, or the reverse
  public static String fitting(String wanted, GgufMetadata tokenizer) {
    boolean named = saysPhi3(wanted);
    if (named == isPhi3(tokenizer)) {
      return wanted;
    }
    return named ? PHI_3.matcher(wanted).replaceAll("$1 $2") : "Phi-3 " + wanted;
  }

  static boolean saysPhi3(@Nullable String name) {
    String lower = name == null ? "" : name.toLowerCase(Locale.ROOT);
    return lower.contains("phi-3") || lower.contains("phi3");
  }

  private static boolean isPhi3(GgufMetadata tokenizer) {
    GgufValue.@Nullable Numbers stripped = tokenizer.numbers(Keys.RSTRIP);
    @Nullable List<String> tokens = tokenizer.texts(Keys.TOKENS);
    boolean strips = stripped == null ? saysPhi3(tokenizer.text(NAME)) : stripped.size() > 0;
    if (!strips || tokens == null) {
      return false;
    }
    Set<String> known = new HashSet<>(tokens);
    return known.containsAll(PHI_3_TOKENS);
  }
}
