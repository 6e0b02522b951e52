package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.node.ObjectNode;

/// The embedded model through the files of other tools: written, run, trained on, merged,
/// converted.
class ForeignFormatsTest {
  private static final String MODEL =
      Path.of(
              Objects.requireNonNull(System.getProperty("fettle.root")),
              "demo/src/main/resources/dev/fettle/demo/model")
          .toString();

  /// Nats per token that rounding may cost this model on this text: 4 bits cost 0.06 at most, the
  /// others less.
  private static final double COST = 0.1;

  /// Nats per token by which two ways of computing the same weights may differ.
  private static final double SAME = 1e-4;

  @TempDir Path folder = Path.of("");
  private String data = "";

  @BeforeEach
  void writeText() throws IOException {
    String text = "The colour of the sky is blue. 3 plus 4 is 7. The capital is far away.\n";
    data = Files.writeString(folder.resolve("data.txt"), text.repeat(30)).toString();
  }

  @ParameterizedTest
  @CsvSource({
    "bitsandbytes, --scheme, nf4:group=64:double",
    "bitsandbytes, --scheme, llm.int8",
    "compressed-tensors, --scheme, int4:asym:group=64",
    "gptq, --scheme, int4:sym:group=64",
    "gptq_v2, --scheme, int4:asym:group=64",
    "awq, --scheme, int4:asym:group=64",
    "gguf, --outtype, q8_0",
    "gguf, --outtype, q4_k_m"
  })
  void everyFormatRunsTrainsAndMerges(String format, String option, String type) {
    String packed = path("packed" + (format.equals("gguf") ? ".gguf" : ""));
    succeed("export", "--model", MODEL, "--format", format, option, type, "--output", packed);
    double loss = loss(packed);
    assertThat(loss).isNotEqualTo(loss(MODEL)).isCloseTo(loss(MODEL), within(COST));
    ObjectNode generated =
        succeed("generate", "--model", packed, "--prompt", "The colour", "--max-new-tokens", "3");
    assertThat(generated.path("text").asString()).isNotEmpty();

    String adapter = path("adapter");
    ObjectNode trained =
        succeed(
            "finetune",
            "--model",
            packed,
            "--method",
            "qlora",
            "--data",
            data,
            "--max-steps",
            "4",
            "--batch-size",
            "2",
            "--seq-length",
            "32",
            "--learning-rate",
            "1e-2",
            "--output",
            adapter);
    assertThat(trained.path("losses").get(3).asDouble())
        .isLessThan(trained.path("losses").get(0).asDouble());
    String merged = path("merged");
    ObjectNode report =
        succeed(
            "merge",
            "--model",
            packed,
            "--adapter",
            adapter,
            "--dtype",
            "float32",
            "--data",
            data,
            "--max-tokens",
            "128",
            "--output",
            merged);
    assertThat(report.path("lost").asDouble()).isLessThan(0.01);
    assertThat(report.path("kl").asDouble()).isLessThan(0.01);
  }

  @Test
  void integersGoRoundThroughAllThatHoldThem() {
    String first = path("q4_0.gguf");
    succeed("export", "--model", MODEL, "--outtype", "q4_0", "--output", first);
    String[] formats = {"compressed-tensors", "gptq", "gptq_v2", "awq", "gguf"};
    String last = first;
    for (String format : formats) {
      String next = path(format + (format.equals("gguf") ? ".gguf" : ""));
      ObjectNode report =
          succeed(
              "convert",
              "--model",
              last,
              "--format",
              format,
              "--output",
              next,
              format.equals("gguf") ? "--outtype=q4_0" : "--dtype=float32");
      report
          .path("tensors")
          .forEach(tensor -> {
            if (tensor.path("name").asString().contains("_proj")) {
              assertThat(tensor.path("exact").asBoolean()).as(tensor.toString()).isTrue();
            }
          });
      assertThat(loss(next)).isCloseTo(loss(first), within(SAME));
      last = next;
    }
  }

  @ParameterizedTest
  @CsvSource({
    "gptq, int4:sym:group=64",
    "gptq_v2, int4:asym:group=64",
    "awq, int4:asym:group=64",
    "gptq, int8:sym:channel"
  })
  void integersOfABfloat16ModelMoveToCompressedTensorsExactly(String format, String scheme) {
    String packed = path("packed");
    succeed(
        "quantize", "--model", MODEL, "--format", format, "--scheme", scheme, "--output", packed);
    ObjectNode report =
        succeed(
            "convert", "--model", packed, "--format=compressed-tensors", "--output", path("ct"));
    assertThat(report.path("exact").asBoolean()).as(report.toString()).isTrue();
    assertThat(loss(path("ct"))).isCloseTo(loss(packed), within(SAME));
  }

  @Test
  void whatAFormatCannotCarryIsRefusedWithTheWayOut() {
    assertThat(refused("--format", "gptq", "--scheme", "int4:asym:group=64")).contains("gptq_v2");
    assertThat(refused("--format", "bitsandbytes", "--scheme", "int3:sym:group=64"))
        .contains("compressed-tensors");
    assertThat(refused("--format", "awq", "--scheme", "int8:sym:channel")).contains("AWQ");
    assertThat(refused("--format", "compressed-tensors")).contains("--scheme");
    assertThat(refused("--format", "zip")).contains("safetensors, bitsandbytes");
    assertThat(refused("--format", "gguf", "--scheme", "nf4:group=64")).contains("--outtype");
  }

  private String refused(String... options) {
    String[] all = new String[options.length + 5];
    String[] start = {"convert", "--model", MODEL, "--output", path("out")};
    System.arraycopy(start, 0, all, 0, 5);
    System.arraycopy(options, 0, all, 5, options.length);
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), all)).as(captured.err()).isEqualTo(Cli.BAD_INPUT);
    assertThat(folder.resolve("out")).doesNotExist();
    return captured.err();
  }

  private String path(String name) {
    return folder.resolve(name).toString();
  }

  private double loss(String model) {
    return succeed(
            "evaluate",
            "--model",
            model,
            "--data",
            data,
            "--seq-length",
            "64",
            "--max-tokens",
            "256",
            "--compute-dtype",
            "float32")
        .path("models")
        .get(0)
        .path("mean_loss")
        .asDouble();
  }

  private static ObjectNode succeed(String... arguments) {
    String[] all = new String[arguments.length + 1];
    System.arraycopy(arguments, 0, all, 0, arguments.length);
    all[arguments.length] = "--json";
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), all)).as(captured.err()).isEqualTo(Cli.OK);
    return Json.parse(captured.out(), "output");
  }
}
