package dev.fettle.doctor;

import com.sun.management.OperatingSystemMXBean;
import dev.fettle.checkpoint.hub.HubEnvironment;
import dev.fettle.plan.MachineMemory;
import dev.fettle.tensor.kernel.Kernels;
import dev.fettle.tensor.kernel.VectorSupport;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Reads [Machine] from `/proc` where there is one, and from Java, which knows the limits of the
/// container.
final class MachineReader {
  private static final Path CPU = Path.of("/proc/cpuinfo");
  private static final Path MEMORY = Path.of("/proc/meminfo");

  private MachineReader() {}

  static Machine read() {
    List<String> cpu = lines(CPU);
    List<String> memory = lines(MEMORY);
    Map<String, String> environment = System.getenv();
    Runtime runtime = Runtime.getRuntime();
    long usable = 0;
    if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
      usable = system.getTotalMemorySize();
    }
    long total = kilobytes(memory, "MemTotal");
    String flags = value(cpu, "flags");
    return new Machine(
        System.getProperty("os.name") + " " + System.getProperty("os.arch"),
        Runtime.version().toString(),
        value(cpu, "model name"),
        Set.copyOf(Arrays.asList((flags.isEmpty() ? value(cpu, "Features") : flags).split("\\s+"))),
        runtime.availableProcessors(),
        Math.max(
            runtime.availableProcessors(),
            (int) cpu.stream().filter(line -> line.startsWith("processor")).count()),
        Kernels.vectorized() ? VectorSupport.LANES * Float.SIZE : 0,
        total == 0 ? usable : total,
        usable,
        MachineMemory.now().available(),
        kilobytes(memory, "SwapTotal"),
        runtime.maxMemory(),
        environment,
        HubEnvironment.ofProcess().cache(),
        Path.of(System.getProperty("java.io.tmpdir", "/tmp")));
  }

  private static List<String> lines(Path file) {
    if (!Files.isReadable(file)) {
      return List.of();
    }
    try {
      return Files.readAllLines(file, StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      return List.of(); // the system does not say
    }
  }

  /// What stands behind `key`, tabs and a colon in the first line that begins with it.
  static String value(List<String> lines, String key) {
    return lines.stream()
        .filter(line -> line.startsWith(key) && line.indexOf(':') > 0)
        .findFirst()
        .map(line -> line.substring(line.indexOf(':') + 1).strip())
        .orElse("");
  }

  private static long kilobytes(List<String> lines, String key) {
    String digits = value(lines, key).replaceAll("[^0-9]", "");
    return digits.isEmpty() ? 0 : 1024 * Long.parseLong(digits);
  }
}
