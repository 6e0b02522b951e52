package dev.fettle.text.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.text.SharedData;
import dev.fettle.text.jinja.TemplateException.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Templates that want too much, and templates that are garbage, end in a [TemplateException]: no
/// other exception, no stack overflow, no exhausted heap, and soon.
class HostileTemplateTest {
  private static final Duration SOON = Duration.ofSeconds(60); // on a slow, busy machine
  private static final Map<String, Value> VARIABLES =
      Map.of(
          "messages",
          Value.list(
              List.of(
                  Value.dict(
                      new TreeMap<>(Map.of("role", Value.of("user"), "content", Value.of("Hi")))))),
          "add_generation_prompt",
          Value.Bool.TRUE);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10000000000 }}",
        "{{ [1] * 10000000000 }}",
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(9999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s == ns.s[:] }}",
        "{% set ns = namespace(s=1) %}{% for i in range(9999) %}{% set ns.s = {1: ns.s} %}{% endfor %}{{ (ns.s, 1) in {1: 2} }}",
        "{% set x = 'a' * 1000000 %}{{ x.replace('a', x) }}",
        "{% set x = 'a' * 1000000 %}{{ x.replace('', x) }}",
        "{% set x = 'a' * 1000000 %}{{ x.join(x) }}",
        "{{ ('\n' * 1000000)|indent(1000) }}",
        "{{ '%999999999d' % 1 }}",
        "{% for i in range(99999) %}{{ 'x' * 1000000 }}{% endfor %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set x = 'a' * 4000000 %}{{ ('a' * 2000000 ~ 'b') in x }}",
        "{% set x = 'a' * 4000000 %}{{ x.find('a' * 2000000 ~ 'b') }}",
        "{% set x = 'a' * 4000000 %}{{ x.split('a' * 2000000 ~ 'b') }}",
        "{% set x = 'a ' * 900000 %}{% for i in range(99999) %}{% set y = x.split() %}{% endfor %}",
        "{% set x = 'a\\n' * 900000 %}{% for i in range(99999) %}{% set y = x|indent %}{% endfor %}",
        "{% set x = range(99999)|list %}{% for i in range(99999) %}{% set y = x|string %}{% endfor %}",
        "{% set ns = namespace(d={}) %}{% for i in range(99999) %}{% set ns.d = dict(ns.d, **{'k' ~ i: i}) %}{% endfor %}",
        "{{ ('{:>1000}' * 900000).format(*range(99999)) }}",
        "{{ '{:>99999999}'.format(1) }}",
        "{{ 'a'.center(99999999999) }}",
        "{{ '\\t'.expandtabs(99999999999) }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ 2 ** 99999999999 }}",
        "{{ 99999999999999999999 }}",
        "{{ (2 ** 62) * 4 }}",
      })
  void excessIsStopped(String template) {
    Assertions.assertTimeoutPreemptively(
        SOON,
        () ->
            assertThatThrownBy(() -> Template.parse(template).render(VARIABLES, Clock.systemUTC()))
                .isInstanceOf(TemplateException.class)
                .extracting(e -> ((TemplateException) e).kind())
                .isIn(Kind.LIMIT, Kind.OVERFLOW, Kind.SYNTAX, Kind.VALUE, Kind.TYPE));
  }

  /// A thousand turns of four thousand characters, with what Qwen3's template does per turn.
  @Test
  void longConversationsAreWithinTheBudget() {
    List<Value> turns = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      turns.add(Value.of("turn %d: %s</think>x".formatted(i, "word ".repeat(800))));
    }
    String text =
        Template.parse(
                """
                {%- for m in messages[::-1] -%}
                  {%- set index = (messages|length - 1) - loop.index0 -%}
                  {%- if not m.startswith('<tool') and '</think>' in m and m == messages[index] -%}
                    {{- m.split('</think>')[-1].lstrip('\n') ~ m[:6]|trim -}}
                  {%- endif -%}
                {%- endfor -%}
                """)
            .render(Map.of("messages", Value.list(turns)), Clock.systemUTC())
            .text();
    assertThat(text).startsWith("xturn 9xturn 9").hasSize(7000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"(", "[", "{1:", "-", "not ", "a.b(", "a[", "a if a else ", "a|f("})
  void deepNestingIsRefused(String piece) {
    assertThatThrownBy(() -> Template.parse("{{ " + piece.repeat(100_000) + "1"))
        .isInstanceOf(TemplateException.class);
  }

  @ParameterizedTest
  @ValueSource(strings = {" + a", ".b", "|trim", " and a", " ~ a", "[0]", " if a", " < a"})
  void longChainsAreRefusedOrRun(String piece) {
    outcome("{{ a" + piece.repeat(100_000) + " }}");
  }

  @Test
  void deeplyNestedTagsAreRefused() {
    assertThatThrownBy(() -> Template.parse("{% if 1 %}".repeat(100_000)))
        .isInstanceOf(TemplateException.class);
  }

  /// Pieces of real templates, cut, doubled and shuffled.
  @Test
  void garbageFailsCleanly() throws IOException {
    Path folder = SharedData.path("assets/chat-templates/trl");
    try (Stream<Path> files = Files.list(folder)) {
      List<String> sources =
          files
              .filter(file -> file.toString().endsWith(".jinja"))
              .sorted()
              .map(HostileTemplateTest::read)
              .toList();
      Random random = new Random(42);
      int rendered = 0;
      for (int i = 0; i < 4000; i++) {
        rendered += outcome(mutated(sources, random)) ? 1 : 0;
      }
      assertThat(rendered).isGreaterThan(10); // else the mutations test the lexer alone
    }
  }

  private static String mutated(List<String> sources, Random random) {
    StringBuilder out = new StringBuilder();
    String source = sources.get(random.nextInt(sources.size()));
    int pieces = random.nextInt(1, 4);
    for (int i = 0; i < pieces; i++) {
      int start = random.nextInt(source.length());
      out.append(source, start, Math.min(source.length(), start + random.nextInt(1, 400)));
      if (random.nextInt(4) == 0) {
        out.setCharAt(
            random.nextInt(out.length()),
            "{}%#-+|.'\"()[],=: \n\u0000\uD83E1a".charAt(random.nextInt(23)));
      }
    }
    return out.toString();
  }

  /// Whether the template rendered; anything but success or a [TemplateException] fails the test.
  private static boolean outcome(String template) {
    try {
      return Template.parse(template).render(VARIABLES, Clock.systemUTC()).text() != null;
    } catch (TemplateException e) {
      return false;
    } catch (RuntimeException | StackOverflowError e) {
      throw new AssertionError("for the template: " + template, e);
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
