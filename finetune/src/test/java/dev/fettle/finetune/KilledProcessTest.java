package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// `kill -9` at a random moment, resume, compare the bytes. A checkpoint is written after every
/// step, so most kills hit the writing, the renaming or the removal of one.
class KilledProcessTest {
  @TempDir Path folder;

  @Test
  void twoKills() throws Exception {
    killAndCompare(150, 2, 1);
  }

  @Test
  @Tag("heavy")
  void fifteenKills() throws Exception {
    killAndCompare(600, 15, 2);
  }

  private void killAndCompare(int steps, int kills, long seed) throws Exception {
    Path model = TinyModel.write(folder.resolve("model"));
    Path data = TinyModel.text(folder.resolve("data.txt"), 200);
    Path output = folder.resolve("killed");
    Random random = new Random(seed);
    boolean finished = false;
    int killed = 0;
    for (int i = 0; i < kills && !finished; i++) {
      Process process = TrainingProcess.start(model, data, output, steps, 1, i > 0);
      // The first run lives until it has a checkpoint to come back to; later ones may die at once.
      int safe = readSaves(process, 1 + random.nextInt(steps / (kills + 1)));
      finished = safe == steps;
      Thread.sleep(Duration.ofMillis(random.nextInt(15)));
      process.destroyForcibly().waitFor();
      killed += finished ? 0 : 1;
      List<Path> checkpoints = TrainingState.checkpoints(output);
      assertThat(checkpoints).as("after kill %d", i + 1).isNotEmpty();
      assertThat(checkpoints.getLast().getFileName().toString())
          .as("the checkpoint that was announced, or a later one")
          .satisfies(name ->
              assertThat(Integer.parseInt(name.substring("checkpoint-".length())))
                  .isGreaterThanOrEqualTo(safe));
    }
    assertThat(killed).isEqualTo(kills);
    Process last = TrainingProcess.start(model, data, output, steps, 0, true);
    assertThat(TrainingProcess.lines(last)).endsWith("finished");
    assertThat(last.waitFor()).isZero();

    RunRecord whole =
        Finetune.run(
            TrainingProcess.request(model, data, folder.resolve("whole"), steps, 0, false),
            TrainingListener.NONE);
    assertThat(output.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(whole.output().resolve("adapter_model.safetensors"));
    try (Stream<Path> entries = Files.list(output)) {
      assertThat(entries.map(p -> p.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "README.md",
              "adapter_config.json",
              "adapter_model.safetensors",
              "checkpoint-" + steps,
              "run.json");
    }
  }

  /// Reads until so many checkpoints were announced, or the end.
  ///
  /// @return the step of the last one
  private static int readSaves(Process process, int count) throws IOException {
    BufferedReader reader = process.inputReader();
    int step = 0;
    int saves = 0;
    for (String line = reader.readLine(); line != null; line = reader.readLine()) {
      if (line.startsWith("saved ")) {
        step = Integer.parseInt(line.substring("saved ".length()));
        if (++saves >= count) {
          return step;
        }
      }
    }
    return step;
  }
}
