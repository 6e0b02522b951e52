package dev.fettle.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.text.SharedData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;

/// 53 published chat templates over 4 conversations, with and without generation prompt, against
/// what Python's jinja2 3.1 wrote, byte for byte, or the error it raised.
class ChatTemplateGoldenTest {
  private static final String GOLDEN = "golden/chat-templates-trl.json";
  private static final int RENDERS = 424;

  @TestFactory
  Stream<DynamicTest> rendersAsPythonDoes() {
    if (!SharedData.has(GOLDEN)) { // a factory that aborts would not be reported as skipped
      return Stream.of(DynamicTest.dynamicTest("all renders", () -> SharedData.path(GOLDEN)));
    }
    JsonNode golden = Json.read(SharedData.path(GOLDEN));
    Path templates = SharedData.path("assets/chat-templates/trl");
    assertThat(golden.get("renders").size()).isEqualTo(RENDERS);
    return golden
        .get("renders")
        .valueStream()
        .map(render ->
            DynamicTest.dynamicTest(
                "%s, %s%s"
                    .formatted(
                        render.get("template").asString(),
                        render.get("conversation").asString(),
                        render.get("add_generation_prompt").asBoolean() ? ", prompt" : ""),
                () -> check(render, golden, templates)));
  }

  private static void check(JsonNode render, JsonNode golden, Path templates) throws IOException {
    Template template =
        Template.parse(Files.readString(templates.resolve(render.get("template").asString())));
    Map<String, Value> variables = variables(render, golden);
    if (render.has("error")) {
      assertThatThrownBy(() -> template.render(variables, Clock.systemUTC()))
          .isInstanceOf(TemplateException.class)
          .hasMessage(render.get("error").asString());
    } else {
      assertThat(template.render(variables, Clock.systemUTC()).text())
          .isEqualTo(render.get("output").asString());
    }
  }

  private static Map<String, Value> variables(JsonNode render, JsonNode golden) {
    String conversation = render.get("conversation").asString();
    Map<String, Value> variables = new HashMap<>();
    golden
        .get("special_tokens")
        .propertyStream()
        .forEach(e -> variables.put(e.getKey(), Value.of(e.getValue())));
    variables.put("messages", Value.of(golden.get("conversations").get(conversation)));
    variables.put("add_generation_prompt", Value.of(render.get("add_generation_prompt")));
    if (conversation.equals("tool")) {
      variables.put("tools", Value.of(golden.get("tools_for_tool_conversation")));
    }
    variables.put("strftime_now", new Value.Function("strftime_now", _ -> Value.of("26 Jul 2024")));
    return variables;
  }
}
