package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle quantize --algorithm`, on the embedded model and a few tokens.
class AlgorithmOptionsTest {
  private static final String MODEL =
      Path.of(
              Objects.requireNonNull(System.getProperty("fettle.root")),
              "demo/src/main/resources/dev/fettle/demo/model")
          .toString();

  @TempDir Path folder = Path.of("");

  @Test
  void gptqReportsEachLayerBesideRoundToNearest() throws IOException {
    ObjectNode answer =
        succeed("gptq", "--scheme", "int4:sym:group=64", "--algorithm", "gptq", "--desc-act");
    assertThat(answer.path("algorithm").asString()).isEqualTo("gptq");
    JsonNode layers = answer.path("layers");
    assertThat(layers).hasSize(28);
    for (JsonNode layer : layers) {
      assertThat(layer.path("output_error").asDouble())
          .isLessThan(layer.path("nearest_output_error").asDouble());
      assertThat(layer.path("fallback").asBoolean()).isFalse();
    }
    assertThat(folder.resolve("gptq.blocks")).doesNotExist();
    String run = Files.readString(folder.resolve("gptq/fettle-run.yaml"));
    assertThat(run).contains("algorithm: gptq").contains("desc-act: true");
  }

  @Test
  void smoothQuantCalibratesFixedActivationsItself() throws IOException {
    succeed(
        "smooth",
        "--scheme",
        "int8:sym:channel",
        "--algorithm",
        "smoothquant",
        "--activations",
        "uint8:asym:tensor");
    JsonNode config = Json.read(folder.resolve("smooth/config.json"));
    JsonNode group = config.path("quantization_config").path("config_groups").path("group_0");
    assertThat(group.path("input_activations").path("dynamic").asBoolean()).isFalse();
    assertThat(
            fail(
                "--scheme",
                "int8:sym:channel",
                "--algorithm",
                "smoothquant",
                "--activations",
                "uint8:asym:tensor",
                "--statistics",
                "statistics.json"))
        .contains("rescales the activations");
  }

  @Test
  void contradictionsAreSaid() throws IOException {
    assertThat(fail("--scheme", "int4:sym:channel", "--algorithm", "gptqq"))
        .contains("rtn, gptq, awq, smoothquant, adaround");
    assertThat(fail("--scheme", "nf4:group=64", "--algorithm", "awq")).contains("nf4:group=64");
    assertThat(fail("--scheme", "int4:sym:channel", "--algorithm", "gptq", "--damp-percent", "2"))
        .contains("--damp-percent");
    assertThat(fail("--scheme", "int4:sym:channel", "--resume")).contains("rtn has none");
    assertThat(
            fail("--scheme", "int4:sym:channel", "--algorithm", "gptq", "--weight-observer", "mse"))
        .contains("--weight-observer");
    CapturedConsole captured = new CapturedConsole();
    int code =
        captured.run(
            "quantize",
            "--model",
            MODEL,
            "--output",
            folder.resolve("x").toString(),
            "--scheme",
            "int4:sym:channel",
            "--algorithm",
            "gptq");
    assertThat(code).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err()).contains("give --data");
    assertThat(folder.resolve("x")).doesNotExist();
  }

  private ObjectNode succeed(String output, String... more) throws IOException {
    List<String> args = arguments(output, more);
    args.add("--json");
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(args.toArray(String[]::new))).as(captured.err()).isEqualTo(Cli.OK);
    return Json.parse(captured.out(), "output");
  }

  private String fail(String... more) throws IOException {
    CapturedConsole captured = new CapturedConsole();
    int code = captured.run(arguments("x", more).toArray(String[]::new));
    assertThat(code).isEqualTo(Cli.BAD_INPUT);
    assertThat(folder.resolve("x")).doesNotExist();
    return captured.err();
  }

  private List<String> arguments(String output, String... more) throws IOException {
    Path text =
        Files.writeString(
            folder.resolve("data.txt"), "What is 3 plus 4? 7. The sky is blue. ".repeat(40));
    List<String> args =
        new ArrayList<>(
            List.of(
                "quantize",
                "--model",
                MODEL,
                "--output",
                folder.resolve(output).toString(),
                "--data",
                text.toString(),
                "--seq-length",
                "64",
                "--calibration-samples",
                "4"));
    args.addAll(List.of(more));
    return args;
  }
}
