package dev.fettle.finetune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.ProcessMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Resident memory of a long run does not grow: every native tensor is freed in its step.
class MemoryTest {
  /// Growth after the first 500 steps, in which code is compiled and pools fill. Measured: 0.1 MB
  /// over 1,000 steps and over 10,000. A leak of one 200-byte tensor header per step would be 1.9
  /// MB over 9,500 steps; of one per operation, 2 MB within 200.
  private static final long BOUND = 1L << 20;

  @TempDir Path folder;

  @Test
  void fifteenHundredSteps() throws IOException, InterruptedException {
    assertThat(growth(1_500)).isLessThan(BOUND);
  }

  @Test
  @Tag("heavy")
  void tenThousandSteps() throws IOException, InterruptedException {
    assertThat(growth(10_000)).isLessThan(BOUND);
  }

  /// Bytes between step 500 and the end, in a process whose heap is all touched from the start.
  private long growth(int steps) throws IOException, InterruptedException {
    Assumptions.assumeTrue(ProcessMemory.resident() > 0, "the system does not say");
    Path model = TinyModel.write(folder.resolve("model"));
    Path data = TinyModel.text(folder.resolve("data.txt"), 200);
    Process process = TrainingProcess.start(model, data, folder.resolve("output"), steps, 0, false);
    List<Long> resident =
        TrainingProcess.lines(process).stream()
            .filter(line -> line.startsWith("resident "))
            .map(line -> Long.valueOf(line.substring("resident ".length())))
            .toList();
    assertThat(process.waitFor()).isZero();
    assertThat(resident).hasSize(steps / 100);
    return resident.getLast() - resident.get(4);
  }
}
