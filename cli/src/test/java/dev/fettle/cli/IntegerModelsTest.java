package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

/// From calibration to evaluation with 8-bit weights and activations, on the embedded model.
class IntegerModelsTest {
  private static final String MODEL =
      Path.of(
              Objects.requireNonNull(System.getProperty("fettle.root")),
              "demo/src/main/resources/dev/fettle/demo/model")
          .toString();

  private static final String TEXT =
      "The colour of the sky is blue. 3 plus 4 is 7. The capital is far away.\n".repeat(40);

  /// Of the mean loss in nats: what 8 bits on both sides cost. Measured: 0.015 with a scale per
  /// channel, 0.029 with one per tensor.
  private static final double COST = 0.05;

  @TempDir Path folder = Path.of("");

  @Test
  void eightBitsOnBothSidesCostLittle() throws IOException {
    String data = Files.writeString(folder.resolve("data.txt"), TEXT).toString();
    String statistics = folder.resolve("statistics.json").toString();
    succeed(
        "calibrate",
        "--model",
        MODEL,
        "--data",
        data,
        "--output",
        statistics,
        "--seq-length",
        "64",
        "--samples",
        "8");
    String dynamic = quantized("dynamic", "int8:sym:channel", "int8:sym:token");
    String symmetric =
        quantized("symmetric", "int8:sym:channel", "int8:sym:tensor", "--statistics", statistics);
    String asymmetric =
        quantized(
            "asymmetric",
            "int8:asym:tensor",
            "uint8:asym:tensor",
            "--statistics",
            statistics,
            "--observer",
            "percentile:99.999");
    ObjectNode compared =
        succeed(
            "evaluate",
            "--data",
            data,
            "--seq-length",
            "64",
            "--max-tokens",
            "512",
            "--model",
            MODEL,
            "--model",
            dynamic,
            "--model",
            symmetric,
            "--model",
            asymmetric);
    double base = compared.path("models").get(0).path("mean_loss").asDouble();
    for (int model = 1; model < 4; model++) {
      double loss = compared.path("models").get(model).path("mean_loss").asDouble();
      assertThat(loss).isNotEqualTo(base).isCloseTo(base, within(COST));
    }
    ObjectNode generated =
        succeed(
            "generate",
            "--model",
            dynamic,
            "--prompt",
            "The colour of the sky is",
            "--max-new-tokens",
            "4");
    assertThat(generated.toString()).isNotEmpty();
  }

  @Test
  void saysWhatIsMissing() {
    assertThat(failed("int8:sym:channel", "int8:sym:tensor")).contains("--statistics");
    assertThat(failed("int4:sym:group=32", "int8:sym:token"))
        .contains("must be 8 bits per channel or tensor");
    assertThat(failed("int8:sym:channel", "int8:sym:tensor", "--statistics", "nowhere.json"))
        .contains("nowhere.json");
  }

  private String quantized(String name, String scheme, String activations, String... more) {
    succeed(quantize(name, scheme, activations, more));
    return folder.resolve(name).toString();
  }

  private String failed(String scheme, String activations, String... more) {
    CapturedConsole captured = new CapturedConsole();
    String[] arguments = quantize("out", scheme, activations, more);
    assertThat(Cli.run(captured.console(), arguments)).isEqualTo(Cli.BAD_INPUT);
    assertThat(folder.resolve("out")).doesNotExist();
    return captured.err();
  }

  private String[] quantize(String name, String scheme, String activations, String... more) {
    String[] arguments = {
      "quantize",
      "--model",
      MODEL,
      "--output",
      folder.resolve(name).toString(),
      "--scheme",
      scheme,
      "--activations",
      activations
    };
    String[] all = Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return all;
  }

  private static ObjectNode succeed(String... arguments) {
    String[] all = Arrays.copyOf(arguments, arguments.length + 1);
    all[arguments.length] = "--json";
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), all)).as(captured.err()).isEqualTo(Cli.OK);
    return Json.parse(captured.out(), "output");
  }
}
