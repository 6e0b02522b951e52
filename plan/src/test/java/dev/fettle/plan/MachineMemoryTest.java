package dev.fettle.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.ProcessMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Control groups as the kernel shows them, from files of a test.
class MachineMemoryTest {
  private static final long GB = 1_000_000_000L;

  @TempDir Path folder = Path.of("");

  private MachineMemory of(String membership) throws IOException {
    Path self = folder.resolve("cgroup");
    Files.writeString(self, membership);
    return MachineMemory.ofGroups(folder.resolve("fs"), self);
  }

  private void group(String path, String limitFile, String limit, String usedFile, String used)
      throws IOException {
    Path group = folder.resolve("fs").resolve(path);
    Files.createDirectories(group);
    Files.writeString(group.resolve(limitFile), limit + "\n");
    Files.writeString(group.resolve(usedFile), used + "\n");
  }

  @Test
  void theTightestGroupOnTheWayUpCounts() throws IOException {
    group("", "memory.max", "max", "memory.current", "0");
    group("a", "memory.max", "" + 4 * GB, "memory.current", "" + GB);
    group("a/b", "memory.max", "" + 8 * GB, "memory.current", "" + GB);
    MachineMemory found = of("0::/a/b\n");
    assertThat(found.available())
        .isBetween(3 * GB, Math.min(4 * GB, 3 * GB + ProcessMemory.peakResident() + GB / 10));
    assertThat(found.limitedBy()).endsWith("a/memory.max");
  }

  @Test
  void unusedPagesOfFilesDoNotCountAsUsed() throws IOException {
    group("a", "memory.max", "" + 8 * GB, "memory.current", "" + 7 * GB);
    Files.writeString(
        folder.resolve("fs/a/memory.stat"),
        "anon 5\ninactive_file %d\nactive_file %d\ninactive_anon %d\n"
            .formatted(2 * GB, 2 * GB, 2 * GB));
    assertThat(of("0::/a\n").available())
        .isBetween(5 * GB, 5 * GB + ProcessMemory.peakResident() + GB / 10);
  }

  @Test
  void theFirstVersionOfControlGroupsIsReadToo() throws IOException {
    group(
        "memory/docker",
        "memory.limit_in_bytes",
        "" + 9 * GB,
        "memory.usage_in_bytes",
        "" + 8 * GB);
    Files.writeString(
        folder.resolve("fs/memory/docker/memory.stat"),
        "active_file 7\ntotal_inactive_file %d\ntotal_active_file %d\n".formatted(GB, 2 * GB));
    MachineMemory found = of("5:cpu:/docker\n4:memory:/docker\n");
    assertThat(found.available())
        .isBetween(4 * GB, 4 * GB + ProcessMemory.peakResident() + GB / 10);
  }

  @Test
  void withoutALimitThereIsNone() throws IOException {
    group("a", "memory.max", "max", "memory.current", "5");
    assertThat(of("0::/a\n").available()).isEqualTo(Long.MAX_VALUE);
    group("memory/a", "memory.limit_in_bytes", "9223372036854771712", "memory.usage_in_bytes", "5");
    assertThat(of("4:memory:/a\n").available()).isEqualTo(Long.MAX_VALUE);
    assertThat(of("garbage\n").available()).isEqualTo(Long.MAX_VALUE);
  }

  @Test
  void thisMachineHasMemory() {
    assertThat(MachineMemory.now().available()).isPositive();
  }
}
