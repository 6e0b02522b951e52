package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.ggml.Imatrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

/// `fettle calibrate` on the embedded model.
class CalibrateVerbTest {
  private static final String MODEL =
      Path.of(
              Objects.requireNonNull(System.getProperty("fettle.root")),
              "demo/src/main/resources/dev/fettle/demo/model")
          .toString();

  @TempDir Path folder = Path.of("");

  @Test
  void calibratesShowsAndMerges() throws IOException {
    String data = text("data.txt", "The colour of the sky is blue. 3 plus 4 is 7.\n".repeat(20));
    String first = folder.resolve("a.json").toString();
    String second = folder.resolve("b.json").toString();
    String both = folder.resolve("c.json").toString();
    ObjectNode answer = calibrate(data, first, "--samples", "2");
    assertThat(answer.path("layers")).hasSize(28);
    assertThat(answer.path("layers").get(0).path("scale").asDouble()).isPositive();
    calibrate(data, second, "--samples", "1");

    ObjectNode merged = succeed("calibrate", "--merge", first, "--merge", second, "--output", both);
    ObjectNode shown =
        succeed("calibrate", "--show", both, "--observer", "mse", "--scheme", "uint8:asym:tensor");
    for (int layer = 0; layer < 28; layer++) {
      long counts =
          answer.path("layers").get(layer).path("count").asLong() * 3 / 2; // 2 samples and 1
      assertThat(merged.path("layers").get(layer).path("count").asLong()).isEqualTo(counts);
      assertThat(shown.path("layers").get(layer).path("zero_point").asInt()).isBetween(0, 255);
    }
    assertThat(shown.path("runs")).hasSize(2);
  }

  @Test
  void writesAnImportanceMatrix() throws IOException {
    String data = text("data.txt", "The colour of the sky is blue. 3 plus 4 is 7.\n".repeat(20));
    Path direct = folder.resolve("direct.gguf");
    Path statistics = folder.resolve("a.json");
    succeed(
        "calibrate",
        "--model",
        MODEL,
        "--data",
        data,
        "--imatrix",
        direct.toString(),
        "--output",
        statistics.toString(),
        "--samples",
        "2");
    Imatrix imatrix = Imatrix.load(direct);
    assertThat(imatrix.entries()).hasSize(28).containsKey("blk.3.ffn_down.weight");
    assertThat(imatrix.importance("blk.3.ffn_down.weight", 512)).hasSize(512);
    assertThat(imatrix.datasets()).containsExactly(data);
    Path later = folder.resolve("later.gguf");
    succeed("calibrate", "--show", statistics.toString(), "--imatrix", later.toString());
    assertThat(Files.readAllBytes(later)).isEqualTo(Files.readAllBytes(direct));
  }

  @Test
  void saysInOneSentenceWhatIsWrong() throws IOException {
    String data = text("data.txt", "The colour of the sky is blue.");
    String out = folder.resolve("a.json").toString();
    assertThat(fail("calibrate", "--model", MODEL, "--data", data))
        .contains("Give --model, --data and --output");
    assertThat(fail("calibrate", "--model", MODEL, "--data", text("e.txt", ""), "--output", out))
        .contains("e.txt");
    assertThat(
            fail(
                "calibrate", "--model", MODEL, "--data", data, "--output", out, "--observer", "kl"))
        .contains("Unknown observer 'kl'");
    assertThat(
            fail("calibrate", "--model", MODEL, "--data", data, "--output", out, "--scheme", "nf4"))
        .contains("nf4");
    assertThat(fail("calibrate", "--show", data)).contains("data.txt");
    assertThat(Files.exists(Path.of(out))).isFalse();
  }

  private ObjectNode calibrate(String data, String output, String... more) {
    String[] args = {
      "calibrate", "--model", MODEL, "--data", data, "--output", output, "--seq-length", "32"
    };
    String[] all = Arrays.copyOf(args, args.length + more.length);
    System.arraycopy(more, 0, all, args.length, more.length);
    return succeed(all);
  }

  private String text(String name, String content) throws IOException {
    return Files.writeString(folder.resolve(name), content).toString();
  }

  private static ObjectNode succeed(String... args) {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = "--json";
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), all)).as(captured.err()).isEqualTo(Cli.OK);
    return Json.parse(captured.out(), "output");
  }

  private static String fail(String... args) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(Cli.run(captured.console(), args)).isEqualTo(Cli.BAD_INPUT);
    return captured.err();
  }
}
