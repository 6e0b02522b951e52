package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Text, ids and assistant masks of transformers' `apply_chat_template` (`make_chats.py`), with a
/// byte-level tokenizer and with phi-3's.
class ChatGoldenTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"byte-level", "phi-3-mini"})
  void masksAreThoseOfPython(String name) throws IOException {
    ObjectNode golden = Json.read(GOLDEN.resolve("chats.json"));
    Path from =
        name.equals("phi-3-mini")
            ? SharedData.path("assets/tokenizers/phi-3-mini")
            : GOLDEN.resolve("tokenizers/byte-level");
    Files.writeString(
        folder.resolve("tokenizer_config.json"),
        Json.pretty(golden.get("special_tokens").get(name)));
    int checked = 0;
    try (Tokenizer tokenizer = Tokenizer.load(from)) {
      for (JsonNode expected : golden.get("cases")) {
        if (expected.get("tokenizer").asString().equals(name)) {
          check(golden, expected, tokenizer);
          checked++;
        }
      }
    }
    assertThat(checked).isGreaterThan(50);
  }

  private void check(ObjectNode golden, JsonNode expected, Tokenizer tokenizer) throws IOException {
    String key = expected.get("template").asString();
    JsonNode small = golden.get("templates").path(key);
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        small.isString()
            ? small.asString()
            : Files.readString(SharedData.path("assets/chat-templates/trl/" + key + ".jinja")));
    List<ChatMessage> messages = new ArrayList<>();
    golden
        .get("chats")
        .get(expected.get("chat").asString())
        .forEach(message -> messages.add(ChatMessage.of(message)));
    Conversation conversation = Conversation.of(messages);
    ChatTemplate template = Objects.requireNonNull(ChatTemplate.load(folder));
    if (expected.has("error")) {
      assertThatThrownBy(() -> template.rendering(conversation, false))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(expected.get("error").asString());
      return;
    }
    String where = key + ", " + expected.get("chat").asString();
    Rendering rendering = template.rendering(conversation, false);
    assertThat(rendering.text()).as(where).isEqualTo(expected.get("text").asString());
    TokenSpans tokens = tokenizer.encodeWithSpans(rendering.text(), false);
    assertThat(tokens.ids()).as(where).isEqualTo(TokenizerGoldenTest.ids(expected.get("ids")));
    boolean[] mask = AssistantSpans.mask(tokens, conversation, template, rendering);
    int[] numbers = new int[mask.length];
    for (int i = 0; i < mask.length; i++) {
      numbers[i] = mask[i] ? 1 : 0;
    }
    assertThat(numbers).as(where).isEqualTo(TokenizerGoldenTest.ids(expected.get("mask")));
  }
}
