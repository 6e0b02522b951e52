package dev.fettle.demo.pretrain;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Byte-pair encoding (Sennrich, Haddow and Birch 2016, algorithm 1) over bytes: the most frequent
/// pair of neighbouring symbols becomes a new symbol, again and again. Of equally frequent pairs
/// the one with the smaller ids wins, as in Hugging Face's trainer, so the result is reproducible.
///
/// The whole corpus is recounted after each merge: a second for a closed vocabulary of some hundred
/// words, which is what it is for.
final class BpeTrainer {
  /// GPT-2's split: words and numbers with the space before them, punctuation, white space. The
  /// small numbers of the world become one token each.
  static final String SPLIT =
      "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private BpeTrainer() {}

  /// @param tokens every token in the order of its id, `special` first, then the bytes
  /// @param merges pairs in the order in which they were merged
  record Vocabulary(List<String> special, List<String> tokens, List<Pair> merges) {}

  record Pair(String left, String right) {
    String merged() {
      return left + right;
    }
  }

  /// @param special tokens that are never split or merged
  /// @param size the vocabulary has this many tokens, or fewer if the text offers no further pair
  static Vocabulary train(String text, List<String> special, int size) {
    List<String> tokens = new ArrayList<>(special);
    tokens.addAll(ByteAlphabet.sorted());
    Map<String, Integer> ids = new HashMap<>();
    for (String token : tokens) {
      ids.put(token, ids.size());
    }
    List<Pair> merges = new ArrayList<>();
    List<Word> words = words(text);
    while (tokens.size() < size) {
      Map<Pair, Long> counts = count(words);
      if (counts.isEmpty()) {
        break;
      }
      Pair best = mostFrequent(counts, ids);
      merges.add(best);
      if (!ids.containsKey(best.merged())) {
        ids.put(best.merged(), tokens.size());
        tokens.add(best.merged());
      }
      words.forEach(word -> word.merge(best));
    }
    return new Vocabulary(List.copyOf(special), List.copyOf(tokens), List.copyOf(merges));
  }

  private static List<Word> words(String text) {
    Map<String, Long> counts = new TreeMap<>();
    Matcher matcher = Pattern.compile(SPLIT).matcher(text);
    while (matcher.find()) {
      counts.merge(matcher.group(), 1L, Long::sum);
    }
    List<Word> words = new ArrayList<>();
    counts.forEach((word, count) -> words.add(new Word(ByteAlphabet.spell(word), count)));
    return words;
  }

  private static Map<Pair, Long> count(List<Word> words) {
    Map<Pair, Long> counts = new HashMap<>();
    for (Word word : words) {
      for (int i = 1; i < word.symbols.size(); i++) {
        Pair pair = new Pair(word.symbols.get(i - 1), word.symbols.get(i));
        counts.merge(pair, word.count, Long::sum);
      }
    }
    return counts;
  }

  private static Pair mostFrequent(Map<Pair, Long> counts, Map<String, Integer> ids) {
    Comparator<Map.Entry<Pair, Long>> order =
        Map.Entry.<Pair, Long>comparingByValue()
            .reversed()
            .thenComparingInt(e -> ids.getOrDefault(e.getKey().left(), -1))
            .thenComparingInt(e -> ids.getOrDefault(e.getKey().right(), -1));
    return counts.entrySet().stream().min(order).orElseThrow().getKey();
  }

  /// A different word of the corpus, spelled in the symbols reached so far.
  private static final class Word {
    private final List<String> symbols;
    private final long count;

    Word(List<String> symbols, long count) {
      this.symbols = new ArrayList<>(symbols);
      this.count = count;
    }

    void merge(Pair pair) {
      for (int i = 0; i + 1 < symbols.size(); i++) {
        if (symbols.get(i).equals(pair.left()) && symbols.get(i + 1).equals(pair.right())) {
          symbols.set(i, pair.merged());
          symbols.remove(i + 1);
        }
      }
    }
  }
}
