package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufValue;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Writes a [Vocabulary] under GGUF's keys, in the order of llama.cpp's converter.
final class MetadataWriter {
  private MetadataWriter() {}

  static GgufMetadata write(Vocabulary vocabulary, String source) {
    GgufMetadata metadata = new GgufMetadata(source);
    List<Token> tokens = vocabulary.tokens();
    switch (vocabulary.algorithm()) {
      case Algorithm.ScoredPieces pieces -> {
        metadata.put(Keys.MODEL, Keys.LLAMA).put(Keys.PRE, "default");
        metadata.put(Keys.TOKENS, texts(tokens));
        metadata.put(Keys.SCORES, GgufValue.floats(pieces.scores()));
        metadata.put(Keys.TYPES, types(tokens));
        metadata.put(Keys.ADD_SPACE, GgufValue.of(pieces.spacePrefix()));
      }
      case Algorithm.RankedMerges merges -> {
        metadata.put(Keys.MODEL, Keys.GPT_2).put(Keys.PRE, merges.preTokenizer());
        metadata.put(Keys.TOKENS, texts(tokens));
        metadata.put(Keys.TYPES, types(tokens));
        metadata.put(Keys.MERGES, GgufValue.texts(merges.merges()));
        if (merges.composed()) {
          metadata.put(Keys.COMPOSED, GgufValue.of(true));
        }
      }
    }
    vocabulary.special().forEach((role, id) -> metadata.put(role.ggufKey(), GgufValue.u32(id)));
    metadata.put(Keys.ADD_BOS, GgufValue.of(vocabulary.addBos()));
    metadata.put(Keys.ADD_EOS, GgufValue.of(vocabulary.addEos()));
    putIds(metadata, Keys.LSTRIP, tokens, Token::lstrip);
    putIds(metadata, Keys.RSTRIP, tokens, Token::rstrip);
    putTemplates(metadata, vocabulary.templates());
    return metadata;
  }

  private static GgufValue texts(List<Token> tokens) {
    return GgufValue.texts(tokens.stream().map(Token::text).toList());
  }

  private static GgufValue types(List<Token> tokens) {
    return GgufValue.ints(tokens.stream().mapToInt(token -> token.type().id()).toArray());
  }

  private static void putIds(
      GgufMetadata metadata, String key, List<Token> tokens, Predicate<Token> flag) {
    int[] ids = IntStream.range(0, tokens.size()).filter(i -> flag.test(tokens.get(i))).toArray();
    if (ids.length > 0) {
      metadata.put(key, GgufValue.ints(ids));
    }
  }

  private static void putTemplates(GgufMetadata metadata, SequencedMap<String, String> templates) {
    @Nullable String main = templates.get(Vocabulary.DEFAULT_TEMPLATE);
    List<String> others = FolderConfig.otherTemplates(templates);
    if (!others.isEmpty()) {
      metadata.put(Keys.TEMPLATES, GgufValue.texts(others));
      others.forEach(
          name -> metadata.put(Keys.TEMPLATE + "." + name, templates.getOrDefault(name, "")));
    }
    if (main != null) {
      metadata.put(Keys.TEMPLATE, main);
    }
  }
}
