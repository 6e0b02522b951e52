package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Tokenizers that went into GGUF and came back, against the ids of transformers and of llama.cpp
/// on 240 awkward texts. The numbers come from `tools/golden/make_vocabularies.py`, whose way to
/// GGUF follows llama.cpp's converter.
class GgufTokenizerTest {
  private static final Path GOLDENS = Path.of("src/test/resources/golden/vocabularies");
  private final ObjectNode goldens = Json.read(GOLDENS.resolve("ids.json"));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "stories260K",
        "phi-3",
        "gpt-2",
        "llama-bpe",
        "qwen2",
        "smollm",
        "deepseek-v3",
        "gpt-4o"
      })
  void readsTextAsBefore(String name, @TempDir Path scratch) {
    Path folder = folder(name);
    JsonNode golden = goldens.path("tokenizers").path(name);
    GgufMetadata metadata = GgufVocabulary.fromFolder(folder, golden.path("rows").asInt());
    compare(metadata, golden);

    Path file = write(name, metadata, scratch.resolve("own.gguf"));
    try (Tokenizer original = Tokenizer.load(folder);
        Tokenizer back = Tokenizer.load(file)) {
      assertThat(back.specialTokens()).isEqualTo(original.specialTokens());
      assertThat(back.vocabSize()).isEqualTo(original.vocabSize());
      forEachText(
          golden,
          false,
          (text, ids) -> {
            assertThat(original.encode(text, true)).as("before: %s", text).isEqualTo(ids);
            assertThat(back.encode(text, true)).as("after: %s", text).isEqualTo(ids);
            assertThat(back.decode(ids, true))
                .as("decoded: %s", text)
                .isEqualTo(original.decode(ids, true));
          });
    }
    try (Tokenizer foreign =
        Tokenizer.load(write(name, common(metadata), scratch.resolve("common.gguf")))) {
      forEachText(
          golden,
          true,
          (text, ids) ->
              assertThat(foreign.encode(text, true)).as("as llama.cpp: %s", text).isEqualTo(ids));
    }
  }

  private static Path folder(String name) {
    return switch (name) {
      case "stories260K" -> SharedData.path("assets/stories260K");
      case "phi-3" -> SharedData.path("assets/tokenizers/phi-3-mini");
      default -> GOLDENS.resolve(name);
    };
  }

  private interface Check {
    void on(String text, int[] ids);
  }

  private void forEachText(JsonNode golden, boolean llama, Check check) {
    JsonNode texts = goldens.path("texts");
    assertThat(texts.size()).isGreaterThan(200);
    for (int i = 0; i < texts.size(); i++) {
      JsonNode ids = golden.path("ids").path(i);
      JsonNode other = golden.path("llama").path(Integer.toString(i));
      JsonNode expected = llama && other.isArray() ? other : ids;
      check.on(texts.get(i).asString(), expected.valueStream().mapToInt(JsonNode::asInt).toArray());
    }
  }

  /// The metadata equal what llama.cpp's converter makes of the folder.
  private static void compare(GgufMetadata metadata, JsonNode golden) {
    List<String> tokens = Objects.requireNonNull(metadata.texts("tokenizer.ggml.tokens"));
    assertThat(sha256(String.join("\0", tokens))).isEqualTo(golden.path("tokensSha256").asString());
    GgufValue.Numbers types = Objects.requireNonNull(metadata.numbers("tokenizer.ggml.token_type"));
    String joined =
        IntStream.range(0, types.size())
            .mapToObj(i -> Long.toString(types.longAt(i)))
            .collect(Collectors.joining(","));
    assertThat(sha256(joined)).isEqualTo(golden.path("typesSha256").asString());
    assertThat(metadata.text("tokenizer.ggml.pre")).isEqualTo(golden.path("pre").asString());
    for (String role : new String[] {"bos", "eos", "unk", "pad"}) {
      String key = role.equals("unk") ? "unknown" : role.equals("pad") ? "padding" : role;
      JsonNode id = golden.path("special").path(role);
      if (id.isNumber()) {
        assertThat(metadata.whole("tokenizer.ggml." + key + "_token_id"))
            .as(role)
            .isEqualTo(id.asInt());
      }
    }
    for (String end : new String[] {"bos", "eos"}) {
      assertThat(metadata.bool("tokenizer.ggml.add_" + end + "_token", false))
          .as(end)
          .isEqualTo(golden.path("add").path(end).asBoolean(false));
    }
  }

  /// Only the keys that llama.cpp's converter writes.
  private static GgufMetadata common(GgufMetadata metadata) {
    GgufMetadata common = new GgufMetadata("common");
    metadata
        .entries()
        .forEach((key, value) -> {
          if (!key.startsWith("tokenizer.fettle.")) {
            common.put(key, value);
          }
        });
    return common;
  }

  /// @param name llama.cpp knows by it that Phi-3's tokens take the white space after them
  private static Path write(String name, GgufMetadata metadata, Path file) {
    GgufMetadata all = new GgufMetadata("test").put("general.name", name);
    GgufWriter.write(file, all.putAll(metadata), List.of(), (tensor, sink) -> {});
    try (GgufFile written = GgufFile.open(file)) {
      assertThat(written.metadata().entries().keySet()).containsAll(metadata.entries().keySet());
    }
    return file;
  }

  private static String sha256(String text) {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
