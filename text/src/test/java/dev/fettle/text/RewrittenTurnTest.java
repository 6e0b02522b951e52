package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/// Templates that leave the reasoning out of earlier turns, against their family's templates with
/// `{% generation %}` blocks, which keep an empty block of it.
class RewrittenTurnTest {
  /// An empty block of reasoning, or what is left of it after a generation prompt that opens it.
  private static final String NO_REASONING = "^(<think>\n)?\n</think>\n\n";

  private static final String CHAT =
      """
      [{"role": "system", "content": "im_end"},
       {"role": "user", "content": "Hello"},
       {"role": "assistant", "content": "Hello"},
       {"role": "user", "content": "m"},
       {"role": "assistant", "content": "<b>Hello</b> Hello"},
       {"role": "user", "content": "Hello"},
       {"role": "assistant", "content": "Bye"}]
      """;
  private static final String TOOLS =
      """
      [{"role": "user", "content": "Weather?"},
       {"role": "assistant", "content": "", "tool_calls":
         [{"type": "function", "function": {"name": "look", "arguments": {"at": "sun"}}}]},
       {"role": "tool", "content": "sun"},
       {"role": "assistant", "content": "sun"},
       {"role": "user", "content": "Again"},
       {"role": "assistant", "content": "sun", "tool_calls":
         [{"type": "function", "function": {"name": "look", "arguments": {"at": "sun"}}}]},
       {"role": "tool", "content": "sun"},
       {"role": "assistant", "content": "rain"}]
      """;

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({"qwen3", "qwen3_5_think", "qwen3_5_nothink", "qwen3_6"})
  void spansAreThoseOfTheGenerationBlocks(String family) throws IOException {
    for (String json : List.of(CHAT, TOOLS)) {
      List<String> own = said(family, json);
      List<String> blocks = said(family + "_training", json);
      assertThat(withoutReasoning(own)).isEqualTo(withoutReasoning(blocks));
      assertThat(own.getFirst()).doesNotContain("think").endsWith("<|im_end|>\n");
      assertThat(own.getLast()).endsWith("<|im_end|>\n");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"content\": \"<think>\\nWhy?\\n</think>\\n\\nHello\"",
        "\"content\": \"Hello\", \"reasoning_content\": \"Why? Hello\""
      })
  void reasoningOfEarlierTurnsIsGone(String turn) throws IOException {
    String json =
        """
        [{"role": "user", "content": "Hello"}, {"role": "assistant", %s},
         {"role": "user", "content": "And?"}, {"role": "assistant", %s}]
        """
            .formatted(turn, turn);
    List<String> said = said("qwen3", json);
    assertThat(said.getFirst()).isEqualTo("Hello<|im_end|>\n");
    assertThat(said.getLast()).startsWith("<think>\nWhy?").endsWith("Hello<|im_end|>\n");
  }

  /// DeepSeek's generation prompt opens the reasoning, which no turn then has.
  @Test
  void aPromptMayOpenReasoningThatTurnsLack() throws IOException {
    List<String> blocks = said("deepseekv3_training", CHAT);
    assertThat(blocks).allMatch(text -> text.startsWith("<｜Assistant｜>"));
    assertThat(said("deepseekv3", CHAT))
        .isEqualTo(blocks.stream().map(text -> text.replace("<｜Assistant｜>", "")).toList());
  }

  @Test
  void theTokensAreThoseOfTheWords() throws IOException {
    List<ChatMessage> messages = messages(CHAT);
    ChatTemplate template = template(SharedData.path("assets/chat-templates/trl/qwen3.jinja"));
    Conversation conversation = Conversation.of(messages);
    Rendering whole = template.rendering(conversation, false);
    try (Tokenizer tokenizer =
        Tokenizer.load(Path.of("src/test/resources/golden/tokenizers/byte-level"))) {
      TokenSpans tokens = tokenizer.encodeWithSpans(whole.text(), false);
      boolean[] mask = AssistantSpans.mask(tokens, conversation, template, whole);
      StringBuilder learned = new StringBuilder();
      for (int i = 0; i < mask.length; i++) {
        learned.append(mask[i] ? whole.text().substring(tokens.starts()[i], tokens.ends()[i]) : "");
      }
      assertThat(learned.toString())
          .isEqualTo(
              "Hello<|im_end|>\n<b>Hello</b> Hello<|im_end|>\n"
                  + "<think>\n\n</think>\n\nBye<|im_end|>\n");
    }
  }

  @Test
  void changedWordsAreRefused() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("other.jinja"),
            "{% for m in messages %}[{{ m.role }}]"
                + "{% if loop.last %}{{ m.content }}{% else %}{{ m.content | upper }}{% endif %}"
                + "{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}");
    ChatTemplate template = template(file);
    Conversation conversation = Conversation.of(messages(CHAT));
    Rendering whole = template.rendering(conversation, false);
    assertThatThrownBy(() -> AssistantSpans.of(conversation, template, whole))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("differently inside the whole conversation");
  }

  private static List<String> withoutReasoning(List<String> said) {
    return said.stream().map(text -> text.replaceFirst(NO_REASONING, "")).toList();
  }

  private List<String> said(String name, String json) throws IOException {
    Path shared = SharedData.path("assets/chat-templates/trl/" + name + ".jinja");
    ChatTemplate template = template(shared);
    Conversation conversation = Conversation.of(messages(json));
    Rendering whole = template.rendering(conversation, false);
    return AssistantSpans.of(conversation, template, whole).stream()
        .map(span -> whole.text().substring(span.start(), span.end()))
        .toList();
  }

  private static List<ChatMessage> messages(String json) {
    List<ChatMessage> messages = new ArrayList<>();
    JsonMapper.shared().readTree(json).forEach(message -> messages.add(ChatMessage.of(message)));
    return messages;
  }

  private ChatTemplate template(Path file) throws IOException {
    Files.writeString(folder.resolve("chat_template.jinja"), Files.readString(file));
    Files.writeString(folder.resolve("tokenizer_config.json"), "{}");
    return Objects.requireNonNull(ChatTemplate.load(folder));
  }
}
