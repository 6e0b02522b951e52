package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/// Reads a [Vocabulary] from GGUF's keys, with the defaults that llama.cpp has for missing ones
/// (`src/llama-vocab.cpp`).
final class MetadataReader {
  private MetadataReader() {}

  /// @throws UserException if the keys are missing, malformed, or of another kind of tokenizer
  static Vocabulary read(GgufMetadata metadata) {
    String model = metadata.requiredText(Keys.MODEL);
    if (!model.equals(Keys.LLAMA) && !model.equals(Keys.GPT_2)) {
      throw new UserException(
          "The tokenizer of "
              + metadata.source()
              + " is of the kind '"
              + model
              + "' (tokenizer.ggml.model); supported are llama and gpt2.");
    }
    List<Token> tokens = tokens(metadata);
    Algorithm algorithm =
        model.equals(Keys.LLAMA) ? pieces(metadata, tokens.size()) : merges(metadata);
    Map<SpecialToken, Integer> special = special(metadata, algorithm, tokens.size());
    boolean bosByDefault =
        switch (algorithm) {
          case Algorithm.ScoredPieces pieces -> true;
          case Algorithm.RankedMerges merges -> split(merges, metadata).bosByDefault();
        };
    return new Vocabulary(
        algorithm,
        tokens,
        special,
        metadata.bool(Keys.ADD_BOS, bosByDefault) && special.containsKey(SpecialToken.BOS),
        metadata.bool(Keys.ADD_EOS, false) && special.containsKey(SpecialToken.EOS),
        templates(metadata));
  }

  /// @throws UserException if llama.cpp's name for the way of cutting words is not known here
  static PreTokenizer split(Algorithm.RankedMerges merges, GgufMetadata metadata) {
    @Nullable PreTokenizer known = PreTokenizer.named(merges.preTokenizer());
    if (known == null) {
      throw new UserException(
          "The tokenizer of %s cuts words as '%s' (%s); known are %s."
              .formatted(metadata.source(), merges.preTokenizer(), Keys.PRE, PreTokenizer.names()));
    }
    return known;
  }

  private static List<Token> tokens(GgufMetadata metadata) {
    @Nullable List<String> texts = metadata.texts(Keys.TOKENS);
    if (texts == null) {
      throw new UserException("Key '" + Keys.TOKENS + "' is missing in " + metadata.source() + ".");
    }
    GgufValue.@Nullable Numbers types = sized(metadata, Keys.TYPES, texts.size());
    List<Token> tokens = new ArrayList<>(texts.size());
    for (int id = 0; id < texts.size(); id++) {
      TokenType type = types == null ? TokenType.NORMAL : TokenType.of(types.longAt(id));
      if (!type.isAdded() && EndOfGeneration.isKnown(texts.get(id))) {
        type = TokenType.CONTROL; // llama.cpp takes it for one, too
      }
      tokens.add(new Token(texts.get(id), type));
    }
    strip(metadata, Keys.LSTRIP, tokens, t -> new Token(t.text(), t.type(), true, t.rstrip()));
    strip(metadata, Keys.RSTRIP, tokens, t -> new Token(t.text(), t.type(), t.lstrip(), true));
    if (metadata.get(Keys.RSTRIP) == null && isPhi3(metadata)) {
      stripAsPhi3(tokens);
    }
    return tokens;
  }

  /// The numbers under this key, if there is at least one per token.
  private static GgufValue.@Nullable Numbers sized(GgufMetadata metadata, String key, int count) {
    GgufValue.@Nullable Numbers numbers = metadata.numbers(key);
    if (numbers != null && numbers.size() < count) {
      throw new UserException(
          "Key '%s' in %s has %d entries for %d tokens."
              .formatted(key, metadata.source(), numbers.size(), count));
    }
    if (numbers != null && key.equals(Keys.TYPES) && !numbers.elementType().isWhole()) {
      throw new UserException(
          "Key '%s' in %s has numbers of type %s; expected whole numbers."
              .formatted(key, metadata.source(), numbers.elementType()));
    }
    return numbers;
  }

  private static void strip(
      GgufMetadata metadata, String key, List<Token> tokens, UnaryOperator<Token> change) {
    GgufValue.@Nullable Numbers ids = metadata.numbers(key);
    for (int i = 0; ids != null && i < ids.size(); i++) {
      long id = (long) ids.doubleAt(i);
      if (id >= 0 && id < tokens.size()) {
        tokens.set((int) id, change.apply(tokens.get((int) id)));
      }
    }
  }

  /// llama.cpp knows by the model's name that Phi-3's control tokens take the white space after
  /// them, since GGUF has no key for it.
  private static boolean isPhi3(GgufMetadata metadata) {
    return ModelName.saysPhi3(metadata.text("general.name"));
  }

  private static void stripAsPhi3(List<Token> tokens) {
    List<String> except = List.of("<unk>", "<s>", "<|endoftext|>");
    tokens.replaceAll(t ->
        t.type().isAdded() && !except.contains(t.text())
            ? new Token(t.text(), t.type(), t.lstrip(), true)
            : t);
  }

  private static Algorithm pieces(GgufMetadata metadata, int count) {
    GgufValue.@Nullable Numbers numbers = sized(metadata, Keys.SCORES, count);
    float[] scores = new float[count];
    for (int id = 0; numbers != null && id < count; id++) {
      scores[id] = (float) numbers.doubleAt(id);
    }
    return new Algorithm.ScoredPieces(scores, metadata.bool(Keys.ADD_SPACE, true));
  }

  private static Algorithm merges(GgufMetadata metadata) {
    @Nullable List<String> merges = metadata.texts(Keys.MERGES);
    if (merges == null) {
      throw new UserException("Key '" + Keys.MERGES + "' is missing in " + metadata.source() + ".");
    }
    @Nullable String pre = metadata.text(Keys.PRE);
    return new Algorithm.RankedMerges(
        pre == null ? "default" : pre, merges, metadata.bool(Keys.COMPOSED, false));
  }

  private static Map<SpecialToken, Integer> special(
      GgufMetadata metadata, Algorithm algorithm, int count) {
    Map<SpecialToken, Integer> special = new EnumMap<>(SpecialToken.class);
    if (algorithm instanceof Algorithm.ScoredPieces && count > 2) {
      special.put(SpecialToken.UNKNOWN, 0);
      special.put(SpecialToken.BOS, 1);
      special.put(SpecialToken.EOS, 2);
    }
    for (SpecialToken role : SpecialToken.values()) {
      @Nullable Integer id = metadata.whole(role.ggufKey());
      if (id != null && id >= 0 && id < count) {
        special.put(role, id);
      }
    }
    return special;
  }

  private static SequencedMap<String, String> templates(GgufMetadata metadata) {
    SequencedMap<String, String> templates = new LinkedHashMap<>();
    @Nullable String main = metadata.text(Keys.TEMPLATE);
    if (main != null) {
      templates.put(Vocabulary.DEFAULT_TEMPLATE, main);
    }
    @Nullable List<String> names = metadata.texts(Keys.TEMPLATES);
    for (String name : names == null ? List.<String>of() : names) {
      @Nullable String template = metadata.text(Keys.TEMPLATE + "." + name);
      if (template != null) {
        templates.put(name, template);
      }
    }
    return templates;
  }
}
