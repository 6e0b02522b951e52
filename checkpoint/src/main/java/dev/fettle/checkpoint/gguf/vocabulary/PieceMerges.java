package dev.fettle.checkpoint.gguf.vocabulary;

import dev.fettle.checkpoint.gguf.vocabulary.HfTokenizer.Merge;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// SentencePiece's scores as the merge list of a Hugging Face tokenizer, and back.
///
/// SentencePiece and llama.cpp join the neighbours whose union is the token with the highest score;
/// any two may be joined whose union is a token. Hugging Face joins the pair that comes first in a
/// list. Both do the same if the list holds every way to make each token from two, ordered by the
/// token's score. Source: sentencepiece, `src/bpe_model.cc`; transformers,
/// `convert_slow_tokenizer.py`, whose order within a token is taken over.
final class PieceMerges {
  /// Longer tokens are left out; the longest of published vocabularies have a quarter of it. Keeps
  /// the work on a crafted file in proportion to its size.
  private static final int LONGEST = 512;

  private PieceMerges() {}

  /// All ways to make a token of two others.
  ///
  /// @param pieces token text to id
  static List<Merge> splits(String token, Map<String, Integer> pieces) {
    if (token.isEmpty() || token.length() > LONGEST) {
      return List.of();
    }
    List<Merge> merges = new ArrayList<>();
    int first = Character.charCount(token.codePointAt(0));
    for (int at = first; at < token.length(); at = token.offsetByCodePoints(at, 1)) {
      Merge merge = new Merge(token.substring(0, at), token.substring(at));
      if (pieces.containsKey(merge.left()) && pieces.containsKey(merge.right())) {
        merges.add(merge);
      }
    }
    merges.sort(
        Comparator.comparing((Merge m) -> pieces.get(m.left()))
            .thenComparing(m -> pieces.get(m.right())));
    return merges;
  }

  /// The merge list that does what the scores say.
  ///
  /// @param pieces token text to id, in the order of the ids
  /// @param scores by id
  static List<Merge> ofScores(Map<String, Integer> pieces, float[] scores) {
    List<Map.Entry<String, Integer>> order = new ArrayList<>(pieces.entrySet());
    order.sort((a, b) -> Float.compare(scores[b.getValue()], scores[a.getValue()]));
    List<Merge> merges = new ArrayList<>();
    for (Map.Entry<String, Integer> piece : order) {
      merges.addAll(splits(piece.getKey(), pieces));
    }
    return merges;
  }

  /// Scores that do what the merge list says: each token's is minus its place in the order in which
  /// the list makes tokens; tokens that it does not make come after them.
  ///
  /// @param plain the tokens that scores decide on, text to id: neither added nor bytes
  /// @return scores of the plain tokens by text
  /// @throws UserException if no scores do the same
  static Map<String, Float> toScores(HfTokenizer tokenizer, Map<String, Integer> plain) {
    Map<String, Float> scores = new LinkedHashMap<>();
    String current = "";
    for (Merge merge : tokenizer.merges()) {
      String token = merge.joined();
      if (!token.equals(current) && scores.containsKey(token)) {
        throw unordered(tokenizer, token);
      }
      current = token;
      scores.putIfAbsent(token, (float) -scores.size());
    }
    Set<Merge> known = new HashSet<>(tokenizer.merges());
    for (String token : plain.keySet()) {
      for (Merge merge : splits(token, plain)) {
        if (!known.contains(merge)) {
          throw missing(tokenizer, merge);
        }
      }
      scores.putIfAbsent(token, (float) -scores.size());
    }
    return scores;
  }

  private static UserException unordered(HfTokenizer tokenizer, String token) {
    return new UserException(
        "The tokenizer "
            + tokenizer.source()
            + " makes '"
            + token
            + "' at two ranks, with other tokens between them; the scores of a SentencePiece vocabulary"
            + " in GGUF cannot say that, so llama.cpp would read text differently.");
  }

  private static UserException missing(HfTokenizer tokenizer, Merge merge) {
    return new UserException(
        "The tokenizer "
            + tokenizer.source()
            + " does not join '"
            + merge.left()
            + "' and '"
            + merge.right()
            + "', but a SentencePiece vocabulary in GGUF joins any two tokens whose union is one, so"
            + " llama.cpp would read text differently.");
  }
}
