package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// `fettle plan` on a configuration alone.
class PlanVerbTest {
  @TempDir Path folder = Path.of("");
  private Path config = Path.of("");

  @BeforeEach
  void writesTheConfiguration() throws IOException {
    config = folder.resolve("config.json");
    Files.writeString(
        config,
        """
        {"model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192,
         "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8,
         "head_dim": 64, "vocab_size": 128256, "max_position_embeddings": 131072,
         "tie_word_embeddings": true, "torch_dtype": "bfloat16"}
        """);
  }

  private JsonNode plan(int exitCode, String... options) {
    CapturedConsole console = new CapturedConsole();
    String[] args = new String[options.length + 4];
    args[0] = "plan";
    args[1] = config.toString();
    args[2] = "--no-measure";
    args[3] = "--json";
    System.arraycopy(options, 0, args, 4, options.length);
    assertThat(console.run(args)).as(console.err()).isEqualTo(exitCode);
    return Json.parse(console.out(), "the answer");
  }

  @Test
  void everyKindOfWorkHasALine() {
    JsonNode json = plan(Cli.OK, "--max-memory", "64GB");
    assertThat(json.get("parameters").asLong()).isEqualTo(1_235_814_400L);
    assertThat(json.get("plans")).hasSizeGreaterThan(8);
    assertThat(json.get("plans").valueStream().map(row -> row.get("work").asString()))
        .contains("finetune --method qlora", "generate", "evaluate");
  }

  @Test
  void partsOfEachPhaseAddUp() {
    JsonNode row = plan(Cli.OK, "--method", "qlora", "--max-memory", "64GB").get("plans").get(0);
    long peak = 0;
    for (JsonNode phase : row.get("phases")) {
      long sum =
          phase.get("parts").valueStream().mapToLong(part -> part.get("bytes").asLong()).sum();
      assertThat(sum).isEqualTo(phase.get("bytes").asLong());
      peak = Math.max(peak, sum);
    }
    assertThat(row.get("peak_bytes").asLong()).isEqualTo(peak);
  }

  @Test
  void whatDoesNotFitIsAnsweredWithWhatDoes() {
    JsonNode json = plan(Cli.BAD_INPUT, "--method", "full", "--max-memory", "4GB");
    assertThat(json.get("fits").asBoolean()).isFalse();
    JsonNode nearest = json.get("plans").get(0).get("nearest_that_fit").get(0);
    assertThat(nearest.get("peak_bytes").asLong()).isLessThanOrEqualTo(4_000_000_000L);
    assertThat(nearest.get("options").valueStream().map(JsonNode::asString))
        .anyMatch(option -> option.startsWith("--method"));
  }

  @Test
  void theOtherVerbsArePlannedToo() {
    for (String verb : new String[] {"generate", "chat", "evaluate", "quantize", "merge"}) {
      JsonNode row = plan(Cli.OK, "--for", verb, "--max-memory", "64GB").get("plans").get(0);
      assertThat(row.get("peak_bytes").asLong()).as(verb).isGreaterThan(100_000_000L);
    }
  }

  @Test
  void aLongVerbRefusesWithTheNearestThatFits() throws IOException {
    Files.writeString(folder.resolve("text.txt"), "a text");
    CapturedConsole console = new CapturedConsole();
    int exitCode =
        console.run(
            "evaluate",
            "--model",
            folder.toString(),
            "--data",
            folder.resolve("text.txt").toString(),
            "--max-memory",
            "1GB");
    assertThat(exitCode).isEqualTo(Cli.BAD_INPUT);
    assertThat(console.err()).contains("--max-memory").contains("--ignore-plan");
  }
}
