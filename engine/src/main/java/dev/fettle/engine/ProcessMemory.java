package dev.fettle.engine;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/// What this process and this machine have of memory, in bytes, as the operating system counts it.
public final class ProcessMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path MACHINE = Path.of("/proc/meminfo");

  private ProcessMemory() {}

  /// Memory this process occupies now; 0 where the system does not say.
  public static long resident() {
    return kilobytes(STATUS, "VmRSS:");
  }

  /// The most it has occupied so far; 0 where the system does not say.
  public static long peakResident() {
    return kilobytes(STATUS, "VmHWM:");
  }

  /// Memory a process can still take without swapping.
  public static long available() {
    long linux = kilobytes(MACHINE, "MemAvailable:");
    if (linux > 0) {
      return linux;
    }
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? system.getFreeMemorySize()
        : 0;
  }

  private static long kilobytes(Path file, String key) {
    if (!Files.isReadable(file)) {
      return 0;
    }
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(key)) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
      }
      return 0;
    } catch (IOException e) {
      return 0; // the system does not say
    }
  }
}
