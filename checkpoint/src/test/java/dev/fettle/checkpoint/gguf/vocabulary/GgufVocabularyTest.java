package dev.fettle.checkpoint.gguf.vocabulary;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.CompanionFile;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// What is refused, and what goes through unchanged; that texts are read the same is tested in
/// `text/`, where the tokenizers library is.
class GgufVocabularyTest {
  private static final String PIECES =
      """
      {"added_tokens": [
         {"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true},
         {"id": 2, "content": "</s>", "special": true}, {"id": 7, "content": "\u2581\u2581", "special": false}],
       "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
       "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true,
         "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5, "aba": 6},
         "merges": [["a", "b"], ["ab", "a"]]}}
      """;

  private static final String WORDS =
      """
      {"added_tokens": [{"id": 3, "content": "<|end|>", "special": false}],
       "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
       "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
      """;

  @TempDir Path folder;

  @BeforeEach
  void configuration() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"bos_token\": \"<s>\", \"eos_token\": {\"content\": \"</s>\"}}");
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(folder.resolve(name), text);
  }

  private GgufMetadata read(String tokenizer, int rows) throws IOException {
    write("tokenizer.json", tokenizer);
    return GgufVocabulary.fromFolder(folder, rows);
  }

  @Test
  void scoresAreTheOrderOfTheMerges() throws IOException {
    GgufMetadata metadata = read(PIECES, 10);
    assertThat(metadata.texts("tokenizer.ggml.tokens"))
        .containsExactly("<unk>", "<s>", "</s>", "a", "b", "ab", "aba", "  ", "[PAD8]", "[PAD9]");
    GgufValue.Numbers types = Objects.requireNonNull(metadata.numbers("tokenizer.ggml.token_type"));
    assertThat(List.of(types.longAt(0), types.longAt(1), types.longAt(3), types.longAt(7)))
        .containsExactly(2L, 3L, 1L, 4L);
    assertThat(types.longAt(9)).isEqualTo(5);
    GgufValue.Numbers scores = Objects.requireNonNull(metadata.numbers("tokenizer.ggml.scores"));
    assertThat(scores.doubleAt(5)).isGreaterThan(scores.doubleAt(6));
    assertThat(scores.doubleAt(6)).isGreaterThan(scores.doubleAt(3));
    assertThat(metadata.bool("tokenizer.ggml.add_space_prefix", true)).isFalse();
    assertThat(metadata.whole("tokenizer.ggml.eos_token_id")).isEqualTo(2);

    ObjectNode back = GgufVocabulary.tokenizerJson(metadata);
    assertThat(back.path("model").path("merges"))
        .isEqualTo(Json.parse(PIECES, "pieces").path("model").path("merges"));
    assertThat(back.path("model").path("vocab").has("[PAD9]")).isFalse();
  }

  @Test
  void refusesMergesThatScoresCannotSay() {
    assertThatThrownBy(() -> read(PIECES.replace("[\"ab\", \"a\"]", "[\"aba\", \"b\"]"), 10))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("does not join 'ab' and 'a'");
    assertThatThrownBy(() ->
            read(
                PIECES
                    .replace("\"aba\": 6", "\"aba\": 6, \"ba\": 8")
                    .replace("[\"ab\", \"a\"]", "[\"ab\",\"a\"],[\"b\",\"a\"],[\"a\",\"ba\"]"),
                10))
        .hasMessageContaining("makes 'aba' at two ranks");
  }

  @Test
  void refusesWhatGgufCannotCarry() {
    assertThatThrownBy(() -> read(PIECES.replace("Replace", "Lowercase"), 10))
        .hasMessageContaining("normalizes text with Lowercase");
    assertThatThrownBy(() -> read(PIECES.replace("\"BPE\"", "\"Unigram\""), 10))
        .hasMessageContaining("is of type Unigram");
    assertThatThrownBy(() -> read(PIECES, 6)).hasMessageContaining("embedding has 6 rows");
    assertThatThrownBy(() -> read(WORDS.replace("\"a\": 0", "\"a\": -1"), 6))
        .hasMessageContaining("Token 'a'");
    assertThatThrownBy(() -> read(WORDS.replace("a b", "ab"), 6)).hasMessageContaining("Merge");
  }

  @Test
  void anUnknownWayOfCuttingWordsCanBeNamed() throws IOException {
    String unknown = WORDS.replace("\"ByteLevel\"", "\"Whitespace\"");
    assertThatThrownBy(() -> read(unknown, 4))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("Whitespace")
        .hasMessageContaining("qwen2");
    GgufMetadata named = GgufVocabulary.fromFolder(folder, 4, "deepseek-r1-qwen");
    assertThat(named.text("tokenizer.ggml.pre")).isEqualTo("deepseek-r1-qwen");
    assertThatThrownBy(() -> GgufVocabulary.fromFolder(folder, 4, "qwen99"))
        .hasMessageContaining("qwen99");
    write("tokenizer_config.json", "{\"gguf_pre_tokenizer\": \"smollm\"}");
    assertThat(read(unknown, 4).text("tokenizer.ggml.pre")).isEqualTo("smollm");
    write("tokenizer_config.json", "{}");
    assertThat(read(WORDS, 4).text("tokenizer.ggml.pre")).isEqualTo("gpt-2");
  }

  @Test
  void controlTokensAreKnownByHowTheyRead() throws IOException {
    GgufMetadata metadata = read(WORDS, 4);
    JsonNode added = GgufVocabulary.tokenizerJson(metadata).path("added_tokens");
    assertThat(added.size()).isEqualTo(1);
    assertThat(added.get(0).path("special").asBoolean()).isTrue();
  }

  @Test
  void namedTokensAndTemplatesComeBack() throws IOException {
    write(
        "tokenizer_config.json",
        """
        {"bos_token": "a", "pad_token": "b", "add_bos_token": true,
         "chat_template": [{"name": "default", "template": "D"}, {"name": "tools", "template": "T"}]}
        """);
    write("config.json", "{\"eos_token_id\": 2}");
    write("generation_config.json", "{\"eos_token_id\": [2, 1, 3]}");
    GgufMetadata metadata = read(WORDS, 4);
    assertThat(metadata.text("tokenizer.chat_template")).isEqualTo("D");
    assertThat(metadata.text("tokenizer.chat_template.tools")).isEqualTo("T");
    ObjectNode config = GgufVocabulary.tokenizerConfigJson(metadata);
    assertThat(config.path("bos_token").asString()).isEqualTo("a");
    assertThat(config.path("eos_token").asString()).isEqualTo("ab");
    assertThat(config.path("add_bos_token").asBoolean()).isTrue();
    assertThat(config.path("chat_template").size()).isEqualTo(2);
    JsonNode generation = GgufVocabulary.generationConfigJson(metadata);
    assertThat(generation.path("eos_token_id").toString()).isEqualTo("[1,2]");
    assertThat(generation.path("bos_token_id").asInt()).isZero();
    assertThat(GgufVocabulary.companions(metadata))
        .extracting(CompanionFile::name)
        .containsExactly("tokenizer.json", "tokenizer_config.json", "generation_config.json");
    assertThat(GgufVocabulary.companions(new GgufMetadata("weights only"))).isEmpty();
    write("chat_template.jinja", "file");
    assertThat(read(WORDS, 4).text("tokenizer.chat_template")).isEqualTo("file");
  }

  @Test
  void metadataMustFitTogether() throws IOException {
    assertThatThrownBy(() -> GgufVocabulary.tokenizerJson(new GgufMetadata("empty.gguf")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("tokenizer.ggml.model");
    assertThatThrownBy(
            () -> GgufVocabulary.tokenizerJson(read(PIECES, 10).put("tokenizer.ggml.model", "t5")))
        .hasMessageContaining("of the kind 't5'");
    assertThatThrownBy(
            () -> GgufVocabulary.tokenizerJson(read(WORDS, 4).put("tokenizer.ggml.pre", "qwen99")))
        .hasMessageContaining("qwen99");
    assertThatThrownBy(() ->
            GgufVocabulary.tokenizerJson(
                read(PIECES, 10).put("tokenizer.ggml.scores", GgufValue.floats(1f, 2f))))
        .hasMessageContaining("2 entries for 10 tokens");
    assertThatThrownBy(() ->
            GgufVocabulary.tokenizerJson(
                read(WORDS, 4).put("tokenizer.ggml.token_type", GgufValue.floats(1, 1, 1, 1))))
        .hasMessageContaining("whole numbers");
  }
}
