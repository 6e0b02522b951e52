package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class InspectDataTest {
  private static final Path MODEL = Path.of("../text/src/test/resources/golden/sft/tokenizer");

  private static final Path PARQUET = Path.of("../parquet/src/test/resources/parquet");

  @TempDir Path folder;

  private final CapturedConsole captured = new CapturedConsole();

  @Test
  void lengthsTargetsAndSamplesAreShown() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("qa.csv"), "question,answer\nWhat is 2 + 2?,\" 4\"\nWho?,\" You\"\n");
    int exit =
        run(file, "--column-map", "prompt=question,completion=answer", "--show", "1", "--packing");
    assertThat(exit).isEqualTo(Cli.OK);
    assertThat(captured.out())
        .contains("2 samples, ")
        .contains("learned per row")
        .contains("packed into 1 rows")
        .contains("qa.csv line 2, what is learned in [[ ]]:")
        .contains("<s>What is 2 + 2?[[ 4</s>]]");
  }

  @Test
  void anotherTemplateIsTaken() throws IOException {
    Path file =
        Files.writeString(
            folder.resolve("chat.jsonl"),
            """
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]}
            """);
    Path template =
        Files.writeString(
            folder.resolve("mine.jinja"),
            "{% for m in messages %}({{ m.role }}: {{ m.content }}{{ mark }}){% endfor %}");
    String[] own = {
      "--chat-template",
      template.toString(),
      "--chat-template-kwargs",
      "{\"mark\": \"!\"}",
      "--no-assistant-only-loss",
      "--show",
      "1"
    };
    assertThat(run(file, own)).isEqualTo(Cli.OK);
    assertThat(captured.out()).contains("[[(user: Hi!)(assistant: Yo!)]]");
  }

  @Test
  void severalFilesOfSeveralFormatsAreOneDataSet() throws IOException {
    Path text = Files.writeString(folder.resolve("a.txt"), "Hello, user!");
    int exit =
        captured.run(
            "inspect",
            "--model",
            MODEL.toString(),
            "--data",
            text.toString(),
            PARQUET.resolve("pairs-*.parquet").toString(),
            "--deduplicate",
            "--json");
    assertThat(exit).isEqualTo(Cli.OK);
    ObjectNode json = Json.parse(captured.out(), "answer");
    assertThat(json.path("samples").asInt()).isEqualTo(13);
    assertThat(json.path("findings").path("duplicates").asInt()).isEqualTo(60);
  }

  @Test
  void badSettingsAreNamed() throws IOException {
    Path file =
        Files.writeString(folder.resolve("a.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}");
    assertThat(run(file, "--packing-strategy", "bfd")).isEqualTo(Cli.BAD_INPUT);
    assertThat(run(file, "--on-long", "wrap")).isEqualTo(Cli.BAD_INPUT);
    assertThat(run(file, "--loss-on-prompt", "--completion-only-loss")).isEqualTo(Cli.BAD_INPUT);
    assertThat(run(file, "--data-format", "dpo")).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err())
        .contains("--packing-strategy goes with --packing")
        .contains("--on-long must be truncate or drop or error")
        .contains("--loss-on-prompt learns everything")
        .contains("--data-format 'dpo' is unknown");
  }

  private int run(Path data, String... more) {
    String[] args = new String[5 + more.length];
    System.arraycopy(
        new String[] {"inspect", "--model", MODEL.toString(), "--data", data.toString()},
        0,
        args,
        0,
        5);
    System.arraycopy(more, 0, args, 5, more.length);
    return captured.run(args);
  }
}
