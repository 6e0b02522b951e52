package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Tokenizers of every kind, in folders as users have them, against what transformers reads with
/// them (`tools/golden/make_tokenizers.py`): ids, decoded text, special and added tokens, all
/// equal.
class TokenizerGoldenTest {
  private static final Path ROOT = Path.of("src/test/resources/golden/tokenizers");

  /// SentencePiece models without a class of their own in transformers, which then drops the space
  /// in front of the text; we give the ids of the sentencepiece library, the ones models have seen.
  private static final Set<String> AS_SENTENCEPIECE =
      Set.of("sp-llama-no-config", "sp-mistral", "sp-unigram", "sp-unigram-bytes", "sp-bpe-nfkc");

  /// Refused with a message, see [dev.fettle.checkpoint.sentencepiece].
  private static final String REFUSED = "sp-bpe-suffix";

  static Stream<String> folders() throws IOException {
    try (Stream<Path> files = Files.list(ROOT)) {
      return files
          .filter(Files::isDirectory)
          .map(folder -> folder.getFileName().toString())
          .filter(name -> !name.equals(REFUSED))
          .sorted()
          .toList()
          .stream();
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void readsTextAsPythonDoes(String name) throws IOException {
    Path folder = ROOT.resolve(name);
    JsonNode expected = Json.read(folder.resolve("expected.json"));
    boolean pieces = AS_SENTENCEPIECE.contains(name);
    try (Tokenizer tokenizer = Tokenizer.load(folder)) {
      assertThat(tokenizer.vocabSize()).isEqualTo(expected.get("length").asInt());
      expected
          .get("ids_of")
          .propertyStream()
          .forEach(e ->
              assertThat(tokenizer.idOf(e.getKey()))
                  .as(e.getKey())
                  .isEqualTo(e.getValue().asInt()));
      List<String> texts = texts();
      assertThat(expected.get("cases").size()).isEqualTo(texts.size());
      for (int i = 0; i < texts.size(); i++) {
        JsonNode wanted = expected.get("cases").get(i);
        String text = texts.get(i);
        if (pieces) {
          if (!text.contains("<")) { // what reads like a control piece is one for us
            assertThat(tokenizer.encode(text, false))
                .as(text)
                .isEqualTo(ids(wanted.get("sentencepiece")));
          }
          continue;
        }
        assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ids(wanted.get("plain")));
        int[] ids = ids(wanted.get("ids"));
        assertThat(tokenizer.encode(text, true)).as(text).isEqualTo(ids);
        assertThat(tokenizer.decode(ids, false)).isEqualTo(wanted.get("decoded").asString());
        assertThat(tokenizer.decode(ids, true)).isEqualTo(wanted.get("skipped").asString());
      }
    }
  }

  static List<String> texts() throws IOException {
    List<String> texts = new ArrayList<>();
    JsonMapper.shared()
        .readTree(Files.readString(ROOT.resolve("texts.json")))
        .forEach(text -> texts.add(text.asString()));
    return texts;
  }

  static int[] ids(JsonNode list) {
    return list.valueStream().mapToInt(JsonNode::asInt).toArray();
  }
}
