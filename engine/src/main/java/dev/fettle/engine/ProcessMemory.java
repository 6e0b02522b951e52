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

  /// Share of a machine's memory that is taken to be free, in percent, where the system does not
  /// count it: other programs and the system itself hold a few gigabytes of the usual 16.
  static final int ASSUMED_FREE_PERCENT = 75;

  private ProcessMemory() {}

  /// Memory this process occupies now; 0 where the system does not say.
  public static long resident() {
    return kilobytes(STATUS, "VmRSS:");
  }

  /// The most it has occupied so far; 0 where the system does not say.
  public static long peakResident() {
    return kilobytes(STATUS, "VmHWM:");
  }

  /// Memory a process can still take without swapping. Without `/proc/meminfo` (macOS), three
  /// quarters of the machine's memory: what such systems call free leaves out the pages of files
  /// that they give up on demand, and is next to nothing on a machine in use.
  public static long available() {
    return available(MACHINE);
  }

  /// @param machine the file that Linux has as `/proc/meminfo`
  static long available(Path machine) {
    long linux = kilobytes(machine, "MemAvailable:");
    if (linux > 0) {
      return linux;
    }
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? system.getTotalMemorySize() / 100 * ASSUMED_FREE_PERCENT
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
