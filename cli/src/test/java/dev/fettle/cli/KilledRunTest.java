package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `kill -9` at random moments, each time followed by `--resume`, gives the bits of a run that was
/// left alone.
@Tag("heavy")
class KilledRunTest {
  private static final Path SHARED = Path.of(System.getProperty("fettle.shared"));
  private static final Path MODEL = SHARED.resolve("assets/stories260K");
  private static final Path TEXT = SHARED.resolve("assets/text/tinyshakespeare.txt");
  private static final int STEPS = 120;
  private static final int KILLS = 5;
  private static final long SEED = 20_260_101;

  @TempDir Path folder = Path.of("");

  @Test
  void theAdapterIsTheSame() throws Exception {
    assumeTrue(Files.isDirectory(MODEL), "no stories260K in " + SHARED);
    Path whole = folder.resolve("whole");
    assertThat(start(whole, false).waitFor()).isZero();

    Path killed = folder.resolve("killed");
    Random random = new Random(SEED);
    int kills = 0;
    Process process = start(killed, false);
    while (kills < KILLS && !process.waitFor(1000 + random.nextInt(3000), TimeUnit.MILLISECONDS)) {
      process.destroyForcibly().waitFor();
      kills++;
      process = start(killed, hasCheckpoint(killed));
    }
    assertThat(kills).as("kills before the run was over").isPositive();
    assertThat(process.waitFor()).isZero();

    for (String name : List.of("adapter_model.safetensors", "adapter_config.json")) {
      assertThat(killed.resolve(name))
          .as("seed " + SEED)
          .hasSameBinaryContentAs(whole.resolve(name));
    }
  }

  /// A run that died before its first checkpoint has nothing to resume; it starts over.
  private static boolean hasCheckpoint(Path output) throws IOException {
    if (!Files.isDirectory(output)) {
      return false;
    }
    try (Stream<Path> files = Files.list(output)) {
      List<String> names = files.map(file -> file.getFileName().toString()).toList();
      return names.stream().anyMatch(name -> name.startsWith("checkpoint-"));
    }
  }

  private Process start(Path output, boolean resume) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Fettle.class.getName(),
                "finetune",
                "--model=" + MODEL,
                "--data=" + TEXT,
                "--method=qlora",
                "--output=" + output,
                "--max-steps=" + STEPS,
                "--save-steps=3",
                "--batch-size=2",
                "--seq-length=64",
                "--lora-dropout=0.1",
                "--lr-scheduler=cosine",
                "--warmup-steps=10"));
    if (resume) {
      command.add("--resume");
    }
    Path log = folder.resolve("log.txt");
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
        .start();
  }
}
