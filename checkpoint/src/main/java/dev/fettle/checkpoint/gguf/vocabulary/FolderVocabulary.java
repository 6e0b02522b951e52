package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.gguf.vocabulary.HfTokenizer.Added;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Reads the tokenizer files of a Hugging Face folder as a [Vocabulary], with the rules of
/// llama.cpp's converter (`conversion/base.py`) for what each token is.
final class FolderVocabulary {
  private static final float ADDED_SCORE = -1000f;
  private static final float PADDING_SCORE = -10000f;
  private static final String SPACE_MARK = "\u2581";

  private final HfTokenizer tokenizer;
  private final FolderConfig config;
  private final int vocabSize;

  private FolderVocabulary(HfTokenizer tokenizer, FolderConfig config, int vocabSize) {
    this.tokenizer = tokenizer;
    this.config = config;
    this.vocabSize = vocabSize;
  }

  /// @param vocabSize rows of the embedding
  /// @param preTokenizer llama.cpp's name for the way of cutting words, or null to find it
  /// @throws UserException if a file is missing or malformed, or the tokenizer is one that GGUF
  ///   cannot carry
  static Vocabulary read(Path folder, int vocabSize, @Nullable String preTokenizer) {
    FolderConfig config = FolderConfig.read(folder);
    HfTokenizer tokenizer = HfTokenizer.parse(config.tokenizer(), config.tokenizerSource());
    return new FolderVocabulary(tokenizer, config, vocabSize)
        .read(preTokenizer == null ? config.preTokenizer() : preTokenizer);
  }

  private Vocabulary read(@Nullable String preTokenizer) {
    Map<SpecialToken, Integer> special = config.special(ids(), vocabSize);
    List<Token> tokens = tokens(special.get(SpecialToken.UNKNOWN));
    Algorithm algorithm =
        tokenizer.byteFallback() ? scoredPieces(tokens) : rankedMerges(preTokenizer);
    FolderConfig.Surround surround = config.surround(tokenizer, special);
    return new Vocabulary(
        algorithm, tokens, special, surround.bos(), surround.eos(), config.templates());
  }

  private Map<String, Integer> ids() {
    Map<String, Integer> ids = new HashMap<>(tokenizer.pieces());
    tokenizer.added().forEach(added -> ids.put(added.content(), added.id()));
    return ids;
  }

  /// One token per row; added tokens beyond the rows are left out, as the converter does: they are
  /// for images, and text never reaches them.
  private List<Token> tokens(@Nullable Integer unknown) {
    Token[] tokens = new Token[vocabSize];
    for (Map.Entry<String, Integer> piece : tokenizer.pieces().entrySet()) {
      String text = piece.getKey();
      int id = piece.getValue();
      if (id >= vocabSize) {
        throw new UserException(
            "Token '%s' in %s has the id %d, but the model's embedding has %d rows."
                .formatted(text, tokenizer.source(), id, vocabSize));
      }
      boolean isByte = tokenizer.byteFallback() && Token.looksLikeByte(text);
      tokens[id] = new Token(text, isByte ? TokenType.BYTE : TokenType.NORMAL);
    }
    for (Added added : tokenizer.added()) {
      if (added.id() < vocabSize) {
        tokens[added.id()] = token(added, unknown != null && unknown == added.id());
      }
    }
    List<Token> list = new ArrayList<>(vocabSize);
    Map<String, Integer> seen = new HashMap<>();
    for (int id = 0; id < vocabSize; id++) {
      @Nullable Token token = tokens[id];
      list.add(token == null ? Token.padding(id) : token);
      @Nullable Integer other = seen.putIfAbsent(list.getLast().text(), id);
      if (other != null) {
        throw new UserException(
            "Tokens %d and %d in %s would both read '%s' in GGUF, which allows each text once."
                .formatted(other, id, tokenizer.source(), list.getLast().text()));
      }
    }
    return list;
  }

  private static Token token(Added added, boolean unknown) {
    String text = added.content();
    if (unknown) {
      return new Token(text, TokenType.UNKNOWN, added.lstrip(), added.rstrip());
    }
    if (added.special() || looksSpecial(text)) {
      return new Token(text, TokenType.CONTROL, added.lstrip(), added.rstrip());
    }
    String plain = text.replace(SPACE_MARK, " "); // llama.cpp looks for it before it marks spaces
    return new Token(plain, TokenType.USER_DEFINED, added.lstrip(), added.rstrip());
  }

  /// Published tokenizers fail to mark some of their control tokens.
  private static boolean looksSpecial(String text) {
    return Set.of("<pad>", "<mask>", "<2mass>", "[@BOS@]").contains(text)
        || (text.startsWith("<|") && text.endsWith("|>"))
        || (text.startsWith("<\uFF5C") && text.endsWith("\uFF5C>"))
        || (text.startsWith("<unused") && text.endsWith(">"));
  }

  private Algorithm scoredPieces(List<Token> tokens) {
    boolean spacePrefix = SpaceMarks.prefix(tokenizer);
    Map<String, Integer> plain = new LinkedHashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (tokens.get(id).type() == TokenType.NORMAL) {
        plain.put(tokens.get(id).text(), id);
      }
    }
    Map<String, Float> known = PieceMerges.toScores(tokenizer, plain);
    float[] scores = new float[tokens.size()];
    for (int id = 0; id < scores.length; id++) {
      Token token = tokens.get(id);
      scores[id] =
          switch (token.type()) {
            case NORMAL -> known.getOrDefault(token.text(), ADDED_SCORE);
            case UNKNOWN, CONTROL, USER_DEFINED -> ADDED_SCORE;
            case UNUSED -> PADDING_SCORE;
            case BYTE -> 0f;
          };
    }
    return new Algorithm.ScoredPieces(scores, spacePrefix);
  }

  private Algorithm rankedMerges(@Nullable String preTokenizer) {
    PreTokenizer split = WordSplit.of(tokenizer, preTokenizer);
    boolean composed = false;
    for (JsonNode step : tokenizer.steps("normalizer", "normalizers")) {
      String type = step.path("type").asString("");
      if (!type.toUpperCase(Locale.ROOT).equals("NFC")) {
        throw SpaceMarks.normalizer(tokenizer, type);
      }
      composed = true;
    }
    List<String> merges = new ArrayList<>(tokenizer.merges().size());
    for (HfTokenizer.Merge merge : tokenizer.merges()) {
      // a space inside a token is written as byte-level text writes it, since a space separates
      // them
      merges.add(merge.left().replace(' ', '\u0120') + " " + merge.right().replace(' ', '\u0120'));
    }
    return new Algorithm.RankedMerges(
        preTokenizer == null ? split.canonicalName() : preTokenizer, merges, composed);
  }
}
