package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StreamingDecoderTest {
  private static final int WORD = 300; // a token of plain letters in both vocabularies

  @ParameterizedTest
  @ValueSource(strings = {"assets/stories260K", "assets/tokenizers/phi-3-mini"})
  void joinedPiecesEqualTheWholeForRandomTokens(String folder) {
    try (Tokenizer tokenizer = Tokenizer.load(SharedData.path(folder))) {
      for (long seed = 0; seed < 200; seed++) {
        Random random = new Random(seed);
        // small ids are byte tokens and special tokens, so that all kinds of runs occur
        int[] ids = random.ints(60, 0, random.nextInt(3, 600)).toArray();
        assertJoined(tokenizer, ids, 0, "seed " + seed);
        int context = random.nextInt(1, 60);
        ids[context - 1] = WORD; // what was shown before is taken to be whole characters
        assertJoined(tokenizer, ids, context, "with context, seed " + seed);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"assets/stories260K", "assets/tokenizers/phi-3-mini"})
  void neverPrintsHalfACharacter(String folder) {
    Path path = SharedData.path(folder);
    String text =
        "na\u00efve caf\u00e9 \u2615 \uD83E\uDD99\uD83D\uDC69\u200D\uD83D\uDCBB \u043d\u0435\u0449\u043e";
    try (Tokenizer tokenizer = Tokenizer.load(path)) {
      StreamingDecoder decoder = tokenizer.streamingDecoder();
      StringBuilder joined = new StringBuilder();
      for (int id : tokenizer.encode(text, true)) {
        String piece = decoder.next(id);
        assertThat(piece).doesNotContain("\uFFFD");
        joined.append(piece);
      }
      assertThat(joined.append(decoder.flush()).toString()).isEqualTo(text);
    }
  }

  @Test
  void byteRunsAreJudgedAsAWhole(@TempDir Path folder) throws IOException {
    try (Tokenizer tokenizer = TinyTokenizer.load(folder)) {
      StreamingDecoder decoder = tokenizer.streamingDecoder();
      int[] ids = tokenizer.encode("a\u00e9", false); // space, a, <0xC3>, <0xA9>
      assertThat(decoder.next(ids[0])).isEmpty();
      assertThat(decoder.next(ids[1])).isEqualTo("a");
      assertThat(decoder.next(ids[2])).isEmpty();
      assertThat(decoder.next(ids[3])).isEmpty(); // one more byte could still spoil it
      assertThat(decoder.next(ids[1])).isEqualTo("\u00e9a");
      assertThat(decoder.next(ids[2])).isEmpty();
      assertThat(decoder.next(1)).isEmpty(); // a special token prints nothing
      assertThat(decoder.flush()).isEqualTo("\uFFFD");
      for (long seed = 0; seed < 200; seed++) {
        Random random = new Random(seed);
        int[] any = random.ints(60, 0, tokenizer.vocabSize()).toArray();
        assertJoined(tokenizer, any, 0, "seed " + seed);
      }
    }
  }

  private static void assertJoined(Tokenizer tokenizer, int[] ids, int context, String name) {
    int[] before = IntStream.of(ids).limit(context).toArray();
    StreamingDecoder decoder = tokenizer.streamingDecoder(before);
    StringBuilder joined = new StringBuilder(tokenizer.decode(before, true));
    IntStream.of(ids).skip(context).forEach(id -> joined.append(decoder.next(id)));
    joined.append(decoder.flush());
    assertThat(joined.toString()).as(name).isEqualTo(tokenizer.decode(ids, true));
  }
}
