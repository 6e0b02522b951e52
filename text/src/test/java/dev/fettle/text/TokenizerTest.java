package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Expected ids come from transformers 5.23 `tokenizer(text).input_ids` unless said otherwise.
class TokenizerTest {

  @Test
  void encodesStoriesAsTransformersDoes() {
    try (Tokenizer tokenizer = Tokenizer.load(SharedData.path("assets/stories260K"))) {
      assertThat(tokenizer.encode("Hello world", true))
          .containsExactly(1, 346, 306, 414, 263, 304, 341);
      assertThat(tokenizer.encode("Hello world", false))
          .containsExactly(346, 306, 414, 263, 304, 341);
      assertThat(tokenizer.encode(" a\u00e9\uD83E\uDD99 <s>x", true))
          .containsExactly(1, 410, 261, 485, 243, 162, 169, 156, 410, 1, 410, 444);
      assertThat(tokenizer.encode("", true)).containsExactly(1);
      assertThat(tokenizer.vocabSize()).isEqualTo(512);
      assertThat(tokenizer.specialTokens())
          .isEqualTo(new SpecialTokens("<s>", 1, "</s>", 2, null, null, "<unk>", 0));
      assertThat(tokenizer.idOf("<0x0A>")).isEqualTo(13);
      assertThat(tokenizer.idOf("no such token")).isNull();
    }
  }

  @Test
  void decodingUndoesEncoding() throws IOException {
    Path folder = SharedData.path("assets/stories260K");
    String story = Files.readString(folder.resolve("greedy_200steps_expected.txt"));
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      assertThat(tokenizer.decode(tokenizer.encode(story, true), true)).isEqualTo(story);
      String odd = "  two  spaces \n\t\u0000 na\u00efve \u2615 \uD83E\uDD99 ";
      assertThat(tokenizer.decode(tokenizer.encode(odd, true), true)).isEqualTo(odd);
      assertThat(tokenizer.decode(tokenizer.encode("  Hello", true), false))
          .isEqualTo("<s>   Hello");
    }
  }

  /// The tokenizer.json of [TinyTokenizer] asks for truncation to 3 tokens; transformers would not
  /// heed it either.
  @Test
  void truncationInTheFileIsNotHeeded(@TempDir Path folder) throws IOException {
    try (Tokenizer tokenizer = TinyTokenizer.load(folder)) {
      String text = "I saw \u00fc and \uD83E\uDD99!";
      int[] ids = tokenizer.encode(text, true);
      assertThat(ids[0]).isEqualTo(tokenizer.bosId());
      assertThat(tokenizer.decode(ids, true)).isEqualTo(text);
      assertThat(tokenizer.eosId()).isEqualTo(2);
      assertThat(tokenizer.padId()).isNull();
      assertThat(Batches.padId(tokenizer)).isEqualTo(2);
    }
  }

  /// Text and id pairs published by llama.cpp for its phi-3 vocabulary.
  @Test
  void encodesPhi3AsLlamaCppDoes() throws IOException {
    Path goldens = SharedData.path("assets/tokenizer-goldens");
    String texts = Files.readString(goldens.resolve("ggml-vocab-phi-3.gguf.inp"));
    List<String> inputs = List.of(texts.split("\n__ggml_vocab_test__\n"));
    List<String> outputs = Files.readAllLines(goldens.resolve("ggml-vocab-phi-3.gguf.out"));
    assertThat(inputs).hasSameSizeAs(outputs).hasSizeGreaterThan(40);
    try (Tokenizer tokenizer = Tokenizer.load(SharedData.path("assets/tokenizers/phi-3-mini"))) {
      for (int i = 0; i < inputs.size(); i++) {
        int[] expected =
            Arrays.stream(outputs.get(i).split(" "))
                .filter(id -> !id.isEmpty())
                .mapToInt(Integer::parseInt)
                .toArray();
        assertThat(tokenizer.encode(inputs.get(i), false)).as(inputs.get(i)).isEqualTo(expected);
      }
    }
  }

  @Test
  void spansCoverTheTextInUtf16Units() {
    try (Tokenizer tokenizer = Tokenizer.load(SharedData.path("assets/stories260K"))) {
      String text = "a \uD83E\uDD99b";
      TokenSpans spans = tokenizer.encodeWithSpans(text, true);
      assertThat(spans.ids()).isEqualTo(tokenizer.encode(text, true));
      assertThat(spans.starts()[0]).isEqualTo(spans.ends()[0]);
      int last = spans.ids().length - 1;
      assertThat(text.substring(spans.starts()[last], spans.ends()[last])).isEqualTo("b");
      for (int i = 1; i < last; i++) {
        assertThat(text.substring(spans.starts()[i], spans.ends()[i]))
            .isIn("a", " ", "\uD83E\uDD99");
      }
    }
  }

  @Test
  void readsALoneSurrogateAsTheReplacementCharacter() {
    try (Tokenizer tokenizer = Tokenizer.load(SharedData.path("assets/stories260K"))) {
      assertThat(tokenizer.encode("a\uD83Eb", true)).isEqualTo(tokenizer.encode("a\uFFFDb", true));
    }
  }

  @Test
  void refusesUseAfterClose() {
    Tokenizer tokenizer = Tokenizer.load(SharedData.path("assets/stories260K"));
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("a", true)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void saysWhatIsMissingOrMalformed(@TempDir Path folder) throws IOException {
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no tokenizer.json");
    Path file = folder.resolve("tokenizer.json");
    for (String broken :
        new String[] {"", "{", "[]", "{}", "{\"model\": {\"vocab\": {\"a\": 0}}}"}) {
      Files.writeString(file, broken);
      assertThatThrownBy(() -> Tokenizer.load(folder))
          .as(broken)
          .isInstanceOf(UserException.class)
          .hasMessageContaining("tokenizer.json");
    }
    Files.write(file, new byte[] {'{', '"', (byte) 0xFF, '"'});
    assertThatThrownBy(() -> Tokenizer.load(folder)).isInstanceOf(UserException.class);
  }
}
