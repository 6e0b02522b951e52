package dev.fettle.plan;

import dev.fettle.engine.ProcessMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// How much memory a process may still take: what the machine has free, or less where a control
/// group (a container, a systemd slice) allows less.
///
/// @param available bytes
/// @param limitedBy `the machine` or the control group's file
public record MachineMemory(long available, String limitedBy) {
  private static final Path GROUPS = Path.of("/sys/fs/cgroup");
  private static final Path SELF = Path.of("/proc/self/cgroup");

  /// Control groups write "no limit" as a number near 2^63, or as `max`.
  private static final long NO_LIMIT = 1L << 60;

  /// Of this process, which counts what it has itself as available.
  public static MachineMemory now() {
    long machine = ProcessMemory.available() + ProcessMemory.resident();
    MachineMemory all = new MachineMemory(machine, "the machine");
    MachineMemory group = ofGroups(GROUPS, SELF);
    return group.available() < all.available() ? group : all;
  }

  /// @param root where control groups are mounted
  /// @param self the file that names those of the process
  static MachineMemory ofGroups(Path root, Path self) {
    MachineMemory least = new MachineMemory(Long.MAX_VALUE, "");
    for (String line : lines(self)) {
      String[] fields = line.split(":", 3);
      if (fields.length < 3) {
        continue;
      }
      boolean second = fields[1].isEmpty();
      if (!second && !List.of(fields[1].split(",")).contains("memory")) {
        continue;
      }
      Path base = second ? root : root.resolve("memory");
      Path group = base.resolve(fields[2].replaceFirst("^/+", "")).normalize();
      for (Path at = group; at != null && at.startsWith(base); at = at.getParent()) {
        MachineMemory here = second ? second(at) : first(at);
        if (here.available() < least.available()) {
          least = here;
        }
      }
    }
    return least;
  }

  private static MachineMemory second(Path group) {
    return left(group, "memory.max", "memory.current", "");
  }

  private static MachineMemory first(Path group) {
    return left(group, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_");
  }

  /// Pages of files count as used, but the kernel gives them up before it refuses memory: those
  /// read once (`inactive_file`) and those read again (`active_file`).
  ///
  /// @param prefix of the names in `memory.stat` that count the groups below as well
  private static MachineMemory left(Path group, String limitFile, String usedFile, String prefix) {
    Path file = group.resolve(limitFile);
    long limit = number(file);
    if (limit <= 0 || limit >= NO_LIMIT) {
      return new MachineMemory(Long.MAX_VALUE, "");
    }
    long used = Math.max(0, number(group.resolve(usedFile)));
    for (String line : lines(group.resolve("memory.stat"))) {
      String[] entry = line.split(" ", 2);
      if (entry.length == 2
          && (entry[0].equals(prefix + "inactive_file")
              || entry[0].equals(prefix + "active_file"))) {
        used -= Math.max(0, parse(entry[1]));
      }
    }
    return new MachineMemory(
        Math.clamp(limit - Math.max(0, used) + ProcessMemory.resident(), 0, limit),
        file.toString());
  }

  private static long number(Path file) {
    List<String> lines = lines(file);
    return lines.isEmpty() ? -1 : parse(lines.getFirst());
  }

  private static long parse(String text) {
    try {
      return Long.parseLong(text.strip());
    } catch (NumberFormatException e) {
      return -1; // "max"
    }
  }

  private static List<String> lines(Path file) {
    if (!Files.isReadable(file) || Files.isDirectory(file)) {
      return List.of();
    }
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      return List.of(); // the system does not say
    }
  }
}
