package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import dev.fettle.demo.EmbeddedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle doctor` as it is typed, on the demo's model.
class DoctorVerbTest {
  private static final String PAIR = "{\"prompt\": \"2+2=\", \"completion\": \"4\"}\n";

  @TempDir Path root = Path.of("");

  private Path model() {
    Path folder = root.resolve("model");
    EmbeddedModel.copyTo(folder);
    return folder;
  }

  @Test
  void theMachineAlone() {
    CapturedConsole captured = new CapturedConsole();
    int exitCode = Cli.run(captured.console(), "doctor", "--json");
    JsonNode answer = Json.parse(captured.out(), "answer");
    assertThat(answer.path("model").isNull()).isTrue();
    assertThat(answer.path("findings").valueStream().map(f -> f.path("check").asString("")))
        .contains("native-library", "cpu", "memory", "disk")
        .doesNotContain("checkpoint");
    assertThat(exitCode).isEqualTo(answer.path("errors").asInt() == 0 ? Cli.OK : Cli.FAILED);
  }

  @Test
  void aSickModelExitsWithOneAndSaysHowToMendIt() throws IOException {
    Path model = model();
    Path generation = model.resolve("generation_config.json");
    ObjectNode json = Json.read(generation);
    Files.writeString(generation, Json.pretty(json.put("eos_token_id", 7)));
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), "doctor", model.toString())).isEqualTo(Cli.FAILED);
    assertThat(captured.out())
        .contains(
            "ERROR    missing-eos", "generation_config.json is", "fix: write \"eos_token_id\"");
    CapturedConsole named = new CapturedConsole();
    assertThat(Cli.run(named.console(), "doctor", "--model", model.toString(), "--json"))
        .isEqualTo(Cli.FAILED);
    JsonNode answer = Json.parse(named.out(), "answer");
    assertThat(answer.path("findings").valueStream())
        .anySatisfy(finding -> {
          assertThat(finding.path("check").asString("")).isEqualTo("missing-eos");
          assertThat(finding.path("severity").asString("")).isEqualTo("ERROR");
          assertThat(finding.path("fix").asString("")).contains("[1, 7]");
        });
  }

  @Test
  void warningsCountWhereAskedFor() throws IOException {
    Path model = model();
    Path tokenizer = model.resolve("tokenizer_config.json");
    Files.writeString(tokenizer, Json.pretty(Json.read(tokenizer).put("add_bos_token", true)));
    assertThat(Cli.run(new CapturedConsole().console(), "doctor", model.toString()))
        .isEqualTo(Cli.OK);
    assertThat(Cli.run(new CapturedConsole().console(), "doctor", model.toString(), "--strict"))
        .isEqualTo(Cli.FAILED);
  }

  @Test
  void trainingSaysItBeforehand() throws IOException {
    Path model = model();
    Path generation = model.resolve("generation_config.json");
    Files.writeString(generation, Json.pretty(Json.read(generation).put("eos_token_id", 7)));
    Path data = Files.writeString(root.resolve("data.jsonl"), PAIR.repeat(2));
    CapturedConsole captured = new CapturedConsole();
    int exitCode =
        Cli.run(
            captured.console(),
            "finetune",
            "--model",
            model.toString(),
            "--data",
            data.toString(),
            "--max-steps",
            "1",
            "--batch-size",
            "1",
            "--output",
            root.resolve("adapter").toString());
    assertThat(exitCode).as(captured.err()).isEqualTo(Cli.OK);
    assertThat(captured.err()).contains("warning: missing-eos: eos_token is '<|end|>' (1)");
  }

  @Test
  void dataMayStandBeforeTheModel() throws IOException {
    Path data = Files.writeString(root.resolve("data.jsonl"), PAIR);
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), "doctor", "--data", data.toString(), model().toString()))
        .as(captured.err())
        .isEqualTo(Cli.OK);
    assertThat(captured.out()).contains("truncated-answers", "1 samples");
  }

  @Test
  void whatIsNotThereExitsWithTwo() {
    CapturedConsole captured = new CapturedConsole();
    String nothing = root.resolve("nothing").toString();
    assertThat(Cli.run(captured.console(), "doctor", nothing)).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err()).contains(nothing);
    assertThat(Cli.run(captured.console(), "doctor", "--data", "x")).isEqualTo(Cli.BAD_INPUT);
  }
}
