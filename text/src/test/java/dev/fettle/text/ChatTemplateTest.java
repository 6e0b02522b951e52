package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ArrayNode;

class ChatTemplateTest {
  private static final List<ChatMessage> CONVERSATION =
      List.of(
          new ChatMessage("user", "Hi"),
          new ChatMessage("assistant", "Hello"),
          new ChatMessage("user", "Bye"));

  @TempDir Path folder;

  @Test
  void aFolderWithoutTemplateHasNone() throws IOException {
    assertThat(ChatTemplate.load(folder)).isNull();
    config("{}");
    assertThat(ChatTemplate.load(folder)).isNull();
  }

  @Test
  void theConfigurationGivesTemplateAndTokens() throws IOException {
    config(
        """
        {"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null,
         "chat_template": "{{ bos_token }}{% for m in messages %}{{ m.role }}:{{ m['content'] }}{{ eos_token }}{% endfor %}{{ pad_token }}{% if add_generation_prompt %}assistant:{% endif %}{{ tools is none }}"}
        """);
    assertThat(load().render(CONVERSATION, true))
        .isEqualTo("<s>user:Hi</s>assistant:Hello</s>user:Bye</s>assistant:True");
  }

  @Test
  void theDefaultOfSeveralTemplatesIsTaken() throws IOException {
    config(
        """
        {"chat_template": [{"name": "rag", "template": "a"}, {"name": "default", "template": "b"}]}
        """);
    assertThat(load().render(CONVERSATION, false)).isEqualTo("b");
    config("{\"chat_template\": [{\"name\": \"rag\", \"template\": \"a\"}]}");
    assertThatThrownBy(this::load)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("[rag]")
        .hasMessageContaining("chat_template.jinja");
  }

  @Test
  void aTemplateFileGoesBeforeTheConfiguration() throws IOException {
    config("{\"chat_template\": \"from the configuration\"}");
    Files.writeString(
        folder.resolve("chat_template.jinja"), "{{ strftime_now('%d %b %Y, %-H h') }}\n");
    assertThat(load().render(CONVERSATION, false)).isEqualTo("05 Mar 2024, 7 h");
  }

  @Test
  void generationBlocksAreReported() throws IOException {
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        """
        {%- for m in messages %}
        [{{ m.role }}]{% if m.role == 'assistant' %}{% generation %}{{ m.content }}!{% endgeneration %}{% else %}{{ m.content }}{% endif %}
        {%- endfor %}
        """);
    Rendering rendering = load().rendering(CONVERSATION, false);
    assertThat(rendering.text()).isEqualTo("[user]Hi[assistant]Hello![user]Bye");
    assertThat(rendering.generated()).containsExactly(new TextSpan(19, 25));
    assertThat(rendering.text().substring(19, 25)).isEqualTo("Hello!");
  }

  @Test
  void refusalsAndMistakesNameTheFile() throws IOException {
    config("{\"chat_template\": \"{{ raise_exception('No system role') }}\"}");
    assertThatThrownBy(() -> load().render(CONVERSATION, false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("tokenizer_config.json")
        .hasMessageContaining("TemplateError: No system role");
    Files.writeString(folder.resolve("chat_template.jinja"), "line 1\n{% if %}");
    assertThatThrownBy(this::load)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("chat_template.jinja")
        .hasMessageContaining("line 2");
  }

  @Test
  void templateFilesReplaceTheConfiguredOnesAndToolsTakeToolUse() throws IOException {
    config("{\"chat_template\": [{\"name\": \"default\", \"template\": \"config\"}]}");
    Path more = Files.createDirectory(folder.resolve("additional_chat_templates"));
    Files.writeString(more.resolve("tool_use.jinja"), "tools {{ tools[0].name }}");
    Files.writeString(more.resolve("rag.jinja"), "rag");
    assertThatThrownBy(() -> load().render(CONVERSATION, false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("tool_use");
    Files.writeString(folder.resolve("chat_template.jinja"), "file");
    assertThat(load().render(CONVERSATION, false)).isEqualTo("file");
    ArrayNode tools = (ArrayNode) Json.parse("{\"t\": [{\"name\": \"add\"}]}", "test").get("t");
    Conversation withTools = new Conversation(CONVERSATION, tools, null, Json.object());
    assertThat(load().render(withTools, false)).isEqualTo("tools add");
    assertThat(ChatTemplate.named(folder, "rag").render(CONVERSATION, false)).isEqualTo("rag");
    assertThat(
            ChatTemplate.named(folder, more.resolve("rag.jinja").toString())
                .render(CONVERSATION, false))
        .isEqualTo("rag");
    assertThatThrownBy(() -> ChatTemplate.named(folder, "nonesuch"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("[default, rag, tool_use]");
  }

  @Test
  void variablesReachTheTemplate() throws IOException {
    Files.writeString(
        folder.resolve("chat_template.jinja"), "{{ enable_thinking }} {{ add_generation_prompt }}");
    ChatTemplate template = load().with(Json.object().put("enable_thinking", false));
    assertThat(template.render(CONVERSATION, true)).isEqualTo("False True");
    Conversation own =
        new Conversation(CONVERSATION, null, null, Json.object().put("enable_thinking", 1));
    assertThat(template.render(own, false)).isEqualTo("1 False");
  }

  @Test
  void theFinalMessageCanBeContinued() throws IOException {
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}");
    assertThat(load().continuing(Conversation.of(CONVERSATION)))
        .isEqualTo("<user>Hi</s><assistant>Hello</s><user>Bye");
    Files.writeString(
        folder.resolve("chat_template.jinja"),
        "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}</s>{% endfor %}");
    List<ChatMessage> open = List.of(new ChatMessage("assistant", " Well, "));
    assertThat(load().continuing(Conversation.of(open))).isEqualTo("<assistant>Well,");
    Files.writeString(folder.resolve("chat_template.jinja"), "nothing");
    assertThatThrownBy(() -> load().continuing(Conversation.of(open)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("cannot be continued");
  }

  private ChatTemplate load() {
    Clock clock = Clock.fixed(Instant.parse("2024-03-05T07:08:09Z"), ZoneOffset.UTC);
    return Objects.requireNonNull(ChatTemplate.load(folder, clock));
  }

  private void config(String json) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), json);
  }
}
