package dev.fettle.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;

/// Small templates, one or a few features each, against what `tools/golden/make_templates.py` got
/// from jinja2: the output byte for byte, or the error with its message; of syntax errors only the
/// kind.
class TemplateGoldenTest {

  @TestFactory
  Stream<DynamicTest> rendersAsPythonDoes() throws IOException {
    JsonNode golden;
    try (InputStream in = TemplateGoldenTest.class.getResourceAsStream("/golden/templates.json")) {
      byte[] bytes = Objects.requireNonNull(in).readAllBytes();
      golden = Json.parse(new String(bytes, StandardCharsets.UTF_8), "templates.json");
    }
    Map<String, Value> variables = new HashMap<>();
    golden
        .get("variables")
        .propertyStream()
        .forEach(e -> variables.put(e.getKey(), Value.of(e.getValue())));
    return golden
        .get("renders")
        .valueStream()
        .map(render ->
            DynamicTest.dynamicTest(
                render.get("template").asString(), () -> check(render, variables)));
  }

  private static void check(JsonNode render, Map<String, Value> variables) {
    String actual;
    try {
      actual =
          Template.parse(render.get("template").asString())
              .render(variables, Clock.systemUTC())
              .text();
    } catch (TemplateException e) {
      actual = e.kind() == TemplateException.Kind.SYNTAX ? "TemplateSyntaxError" : e.getMessage();
    }
    String expected =
        render.has("error") ? render.get("error").asString() : render.get("output").asString();
    assertThat(actual)
        .as(render.get("template").asString())
        .isEqualTo(expected.startsWith("TemplateSyntaxError") ? "TemplateSyntaxError" : expected);
  }
}
