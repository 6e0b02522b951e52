package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenStoreTest {

  @ParameterizedTest
  @ValueSource(ints = {0, 1000, 1 << 20})
  void samplesComeBackWhereverTheyLie(int inMemory) {
    TokenStore store = new TokenStore(inMemory);
    List<Sample> samples = samples();
    samples.forEach(store::add);
    assertThat(store.onDisk()).isEqualTo(inMemory < 1 << 20);
    assertThat(store.size()).isEqualTo(samples.size());
    SampleOrder order = new ShuffledOrder(samples.size(), 1);
    for (int i : IntStream.range(0, samples.size()).map(order::at).toArray()) {
      assertThat(store.length(i)).isEqualTo(samples.get(i).length());
      assertThat(store.get(i).ids()).isEqualTo(samples.get(i).ids());
      assertThat(store.get(i).labels()).isEqualTo(samples.get(i).labels());
    }
  }

  @Test
  void nothingStaysInTheFolder() throws Exception {
    Path folder = Path.of(System.getProperty("java.io.tmpdir"));
    TokenStore store = new TokenStore(0);
    samples().forEach(store::add);
    assertThat(store.onDisk()).isTrue();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.filter(file -> file.getFileName().toString().startsWith("fettle-tokens")))
          .isEmpty();
    }
  }

  private static List<Sample> samples() {
    Random random = new Random(1);
    List<Sample> samples = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      int[] ids = random.ints(1 + random.nextInt(40), 0, 1 << 20).toArray();
      int[] labels = ids.clone();
      for (int k = 0; k < labels.length; k++) {
        labels[k] = random.nextBoolean() || i % 3 == 0 ? labels[k] : Sample.IGNORE;
      }
      samples.add(new Sample(ids, labels));
    }
    return samples;
  }
}
