package dev.fettle.engine;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessMemoryTest {
  @TempDir Path folder = Path.of("");

  @Test
  void linuxSaysWhatIsAvailable() throws IOException {
    Path file = folder.resolve("meminfo");
    Files.writeString(file, "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:       5 kB\n");
    assertThat(ProcessMemory.available(file)).isEqualTo(5 * 1024);
  }

  /// Free memory alone would be a few percent on a machine that has been on for a while.
  @Test
  void elsewhereItIsAShareOfTheWhole() {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    assertThat((double) ProcessMemory.available(folder.resolve("none")))
        .isBetween(0.74 * system.getTotalMemorySize(), 0.76 * system.getTotalMemorySize());
  }
}
