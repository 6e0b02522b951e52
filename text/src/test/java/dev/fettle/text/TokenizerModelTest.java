package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/// What is not an ordinary `tokenizer.json`: SentencePiece models, other tools' files, damage.
class TokenizerModelTest {
  private static final Path ROOT = Path.of("src/test/resources/golden/tokenizers");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"sp-llama", "sp-mistral", "sp-gemma"})
  void aSentencePieceModelGoesIntoGguf(String name) throws IOException {
    Path from = ROOT.resolve(name);
    JsonNode expected = Json.read(from.resolve("expected.json"));
    var metadata = GgufVocabulary.fromFolder(from, 600);
    assertThat(metadata.text("tokenizer.ggml.model")).isEqualTo("llama");
    assertThat(metadata.bool("tokenizer.ggml.add_bos_token", false)).isTrue();
    assertThat(metadata.bool("tokenizer.ggml.add_space_prefix", true))
        .isEqualTo(!name.equals("sp-gemma"));
    Files.writeString(
        folder.resolve("tokenizer.json"), Json.compact(GgufVocabulary.tokenizerJson(metadata)));
    List<String> texts = TokenizerGoldenTest.texts();
    try (Tokenizer back = Tokenizer.load(folder)) {
      for (int i = 0; i < texts.size(); i++) {
        if (!texts.get(i).contains("<")) {
          assertThat(back.encode(texts.get(i), false))
              .as(texts.get(i))
              .isEqualTo(
                  TokenizerGoldenTest.ids(expected.get("cases").get(i).get("sentencepiece")));
        }
      }
    }
  }

  @Test
  void whatIsNotSupportedSaysWhatToDo() throws IOException {
    assertThatThrownBy(() -> Tokenizer.load(ROOT.resolve("sp-bpe-suffix")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("marks spaces behind words")
        .hasMessageContaining("save_pretrained");
    assertThatThrownBy(() -> Tokenizer.load(folder.resolve("nowhere")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no model folder");
    Files.writeString(folder.resolve("tiktoken.model"), "SGVsbG8= 0\n");
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("only tiktoken.model")
        .hasMessageContaining("save_pretrained");
    Files.writeString(folder.resolve("tokenizer.model"), "SGVsbG8= 0\n"); // Llama 3's is no proto
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no SentencePiece model");
  }

  @Test
  void damageIsAnError() throws IOException {
    byte[] sound = Files.readAllBytes(ROOT.resolve("sp-unigram/tokenizer.model"));
    Path file = folder.resolve("tokenizer.model");
    int read = 0;
    for (long seed = 0; seed < 40; seed++) {
      Random random = new Random(seed);
      byte[] damaged =
          seed < 10 ? Arrays.copyOf(sound, random.nextInt(sound.length)) : sound.clone();
      for (int i = 0; i < seed - 10; i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt(256);
      }
      Files.write(file, damaged);
      try (Tokenizer tokenizer = Tokenizer.load(folder)) {
        tokenizer.encode("\uFF21 \ufb01 \u00e9 Hello", true);
        read++;
      } catch (UserException e) {
        assertThat(e).hasMessageContaining("tokenizer.model");
      }
    }
    assertThat(read).isGreaterThan(0);
  }

  /// Each of these ends the process in the tokenizers library.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'normalizer': {'type': 'Precompiled', 'precompiled_charsmap': 'AAAA'}}",
        "{'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'Precompiled', 'precompiled_charsmap': 'BAAAAP////8A'}]}}",
        "{'post_processor': {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': 'x', 'type_id': 0}}], 'pair': [], 'special_tokens': {}}}",
        "{'model': {'type': 'BPE', 'vocab': {'a': 0, 'b': 1, 'ab': 2}, 'merges': [['a', 'b']], 'continuing_subword_prefix': '####'}}"
      })
  void whatWouldEndTheProcessIsRefused(String json) throws IOException {
    String text = "{'version': '1.0', 'model': {'type': 'BPE', 'vocab': {'a': 0}, 'merges': []}}";
    var whole = Json.parse(text.replace('\'', '"'), "test");
    whole.setAll(Json.parse(json.replace('\'', '"'), "test"));
    Files.writeString(folder.resolve("tokenizer.json"), Json.compact(whole));
    assertThatThrownBy(() -> Tokenizer.load(folder))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("tokenizer.json");
  }

  @Test
  void aTextThatCannotBeWrittenIsAnError() throws IOException {
    Files.writeString(
        folder.resolve("tokenizer.json"),
        "{\"version\": \"1.0\", \"model\": {\"type\": \"WordLevel\", \"vocab\": {\"a\": 0}, \"unk_token\": \"?\"}}",
        StandardCharsets.UTF_8);
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      assertThat(tokenizer.encode("a", true)).containsExactly(0);
      assertThatThrownBy(() -> tokenizer.encode("b", true))
          .isInstanceOf(UserException.class)
          .hasMessageContaining("tokenizer.json");
    }
  }

  @ParameterizedTest
  @MethodSource("dev.fettle.text.TokenizerGoldenTest#folders")
  void streamedTextIsTheWholeText(String name) throws IOException {
    JsonNode expected = Json.read(ROOT.resolve(name).resolve("expected.json"));
    boolean cleansUp = name.equals("word-piece") || name.equals("unigram");
    try (Tokenizer tokenizer = Tokenizer.load(ROOT.resolve(name))) {
      for (JsonNode wanted : expected.get("cases")) {
        int[] ids = TokenizerGoldenTest.ids(wanted.get("ids"));
        StreamingDecoder decoder = tokenizer.streamingDecoder();
        StringBuilder joined = new StringBuilder();
        for (int id : ids) {
          joined.append(decoder.next(id));
        }
        joined.append(decoder.flush());
        String whole = cleansUp ? CleanUp.spaces(joined.toString()) : joined.toString();
        assertThat(whole).isEqualTo(tokenizer.decode(ids, true));
      }
    }
  }
}
