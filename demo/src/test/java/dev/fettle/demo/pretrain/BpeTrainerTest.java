package dev.fettle.demo.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {
  @Test
  void theMostFrequentPairIsMergedFirstAndTiesGoToSmallerIds() {
    // "ab" occurs 3 times, "cd" twice and "bc" once; of equal counts the earlier symbols win.
    BpeTrainer.Vocabulary vocabulary = BpeTrainer.train("ab ab abcd cd", List.of("<s>"), 260);

    assertThat(vocabulary.merges().getFirst()).isEqualTo(new BpeTrainer.Pair("a", "b"));
    assertThat(vocabulary.tokens()).hasSize(260).startsWith("<s>", "!");
    assertThat(vocabulary.tokens().subList(257, 260)).containsExactly("ab", "cd", "Ġab");
  }

  @Test
  void aNumberGrowsIntoOneTokenAndStopsAtTheWord() {
    BpeTrainer.Vocabulary vocabulary = BpeTrainer.train(" 12 12. 12 12", List.of(), 300);

    assertThat(vocabulary.tokens()).hasSize(258).endsWith("12", "Ġ12");
  }

  @Test
  void theByteAlphabetIsGpt2s() {
    assertThat(new HashSet<>(ByteAlphabet.sorted())).hasSize(256);
    assertThat(ByteAlphabet.spell(" a\né")).containsExactly("Ġ", "a", "Ċ", "Ã", "©");
    assertThat(ByteAlphabet.sorted().getLast()).isEqualTo("Ń");
  }
}
