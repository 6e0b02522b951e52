package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The ways of `fettle quantize` that look at data, on the embedded model.
class CalibratedQuantizeTest {
  private static final String MODEL =
      Path.of(
              Objects.requireNonNull(System.getProperty("fettle.root")),
              "demo/src/main/resources/dev/fettle/demo/model")
          .toString();

  @TempDir Path folder = Path.of("");

  @Test
  void aBudgetIsKeptAndExplained() throws IOException {
    ObjectNode answer =
        quantize(
            "mixed",
            "--budget",
            "5bpw",
            "--candidates",
            "int4:asym:group=128,int8:sym:channel",
            "--skip-modules",
            "v_proj",
            "--data",
            text(),
            "--max-tokens",
            "48",
            "--report",
            folder.resolve("report.html").toString());
    JsonNode budget = answer.path("budget");
    assertThat(budget.path("bits_per_weight").asDouble()).isLessThanOrEqualTo(5);
    assertThat(budget.path("layers")).hasSize(24); // without the four v_proj
    assertThat(budget.path("layers").get(0).path("reason").asString()).contains("nats");
    assertThat(answer.path("bits_per_quantized_weight").asDouble())
        .isEqualTo(budget.path("bits_per_weight").asDouble());
    assertThat(answer.path("scheme").asString())
        .contains("int4:asym:group=128 (")
        .contains("int8:sym:channel (");
    assertThat(Files.readString(folder.resolve("report.html")))
        .contains("Budget of 5.0 bits per weight")
        .contains("Chosen schemes");
    JsonNode config = Json.read(folder.resolve("mixed/config.json"));
    assertThat(config.path("quantization_config").path("config_groups")).hasSize(2);
  }

  @Test
  void aWeightObserverLowersTheError() {
    double plain = error(quantize("a", "--scheme", "int3:sym:group=64"));
    double clipped =
        error(quantize("b", "--scheme", "int3:sym:group=64", "--weight-observer", "mse"));
    assertThat(clipped).isLessThan(plain);
  }

  @Test
  void fixedActivationsTakeTheirParametersFromStatistics() throws IOException {
    String statistics = folder.resolve("statistics.json").toString();
    succeed(
        "calibrate",
        "--model",
        MODEL,
        "--data",
        text(),
        "--max-tokens",
        "48",
        "--output",
        statistics);
    String[] args = {
      "--scheme", "int8:sym:channel", "--activations", "uint8:asym:tensor", "--observer", "mse"
    };
    assertThat(fail("static", args)).contains("--statistics");
    String[] more = Arrays.copyOf(args, args.length + 2);
    more[args.length] = "--statistics";
    more[args.length + 1] = statistics;
    quantize("static", more);
    ObjectNode inspected =
        succeed(
            "evaluate",
            "--model",
            folder.resolve("static").toString(),
            "--data",
            text(),
            "--seq-length",
            "32");
    assertThat(inspected.path("perplexity").asDouble()).isPositive();
  }

  @Test
  void contradictionsAreSaid() throws IOException {
    assertThat(fail("x", "--budget", "4.5bpw")).contains("give --data");
    assertThat(fail("x", "--budget", "lots", "--data", text())).contains("4.5bpw");
    assertThat(fail("x", "--budget", "4bpw", "--data", text(), "--scheme", "int4:sym:channel"))
        .contains("--candidates");
    assertThat(fail("x", "--budget", "2bpw", "--data", text(), "--max-tokens", "2"))
        .contains("too small");
    assertThat(fail("x", "--budget", "5bpw", "--data", text(), "--max-memory", "1MB"))
        .contains("at its peak (evaluation)", "1.00 MB are free", "--ignore-plan")
        .doesNotContain("measuring layer");
    assertThat(fail("x", "--budget", "5bpw", "--data", text(), "--seq-length", "0"))
        .doesNotContain("by zero", "bug");
    assertThat(fail("x", "--scheme", "int4:sym:channel", "--weight-observer", "best"))
        .contains("Unknown observer");
    assertThat(Files.exists(folder.resolve("x"))).isFalse();
  }

  private static double error(ObjectNode answer) {
    double sum = 0;
    for (JsonNode tensor : answer.path("tensors")) {
      sum += tensor.path("mse").asDouble();
    }
    return sum;
  }

  private String text() throws IOException {
    return Files.writeString(
            folder.resolve("data.txt"), "What is 3 plus 4? 7. The sky is blue. ".repeat(10))
        .toString();
  }

  private ObjectNode quantize(String output, String... more) {
    return succeed(arguments(output, more));
  }

  private String fail(String output, String... more) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(arguments(output, more))).isEqualTo(Cli.BAD_INPUT);
    return captured.err();
  }

  private String[] arguments(String output, String... more) {
    String[] args = {"quantize", "--model", MODEL, "--output", folder.resolve(output).toString()};
    String[] all = Arrays.copyOf(args, args.length + more.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return all;
  }

  private static ObjectNode succeed(String... args) {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = "--json";
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(all)).as(captured.err()).isEqualTo(Cli.OK);
    return Json.parse(captured.out(), "output");
  }
}
