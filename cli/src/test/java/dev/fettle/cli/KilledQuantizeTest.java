package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.FileHash;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `kill -9` of `fettle quantize --algorithm gptq` whenever it has finished another block, each
/// time followed by `--resume`, gives the bytes of a run that was left alone.
@Tag("heavy")
class KilledQuantizeTest {
  private static final Path ROOT =
      Path.of(Objects.requireNonNull(System.getProperty("fettle.root")));
  private static final Path MODEL = ROOT.resolve("demo/src/main/resources/dev/fettle/demo/model");
  private static final Path TEXT =
      ROOT.resolve("calibrate/src/test/resources/prose-calibration.txt");
  private static final long POLL_MILLIS = 20;

  @TempDir Path folder = Path.of("");

  @Test
  void theWeightsAreTheSame() throws Exception {
    Path whole = folder.resolve("whole");
    assertThat(start(whole).waitFor()).isZero();
    Path killed = folder.resolve("killed");
    int kills = 0;
    for (int block = 0; block < 3; block++) {
      Process process = start(killed);
      Path done = folder.resolve("killed.blocks/block-%04d".formatted(block));
      while (!Files.exists(done) && process.isAlive()) {
        process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS);
      }
      kills += process.isAlive() ? 1 : 0;
      process.destroyForcibly().waitFor();
    }
    assertThat(kills).isEqualTo(3);
    assertThat(start(killed).waitFor()).isZero();
    for (String name : List.of("model.safetensors", "config.json")) {
      assertThat(FileHash.sha256(killed.resolve(name)))
          .isEqualTo(FileHash.sha256(whole.resolve(name)));
    }
    assertThat(folder.resolve("killed.blocks")).doesNotExist();
  }

  private Process start(Path output) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Fettle.class.getName(),
                "quantize",
                "--model=" + MODEL,
                "--output=" + output,
                "--scheme=int4:sym:group=64",
                "--algorithm=gptq",
                "--data=" + TEXT,
                "--seq-length=128",
                "--samples=16",
                "--resume"));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(folder.resolve("log.txt").toFile())
        .start();
  }
}
