package dev.fettle.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Room and rights where models and native libraries are put.
record DiskCheck() implements MachineCheck {
  /// One model of a billion parameters in 16 bits.
  private static final long LITTLE = 2_500_000_000L;

  /// The native libraries, unpacked.
  private static final long LIBRARIES = 1_000_000_000L;

  @Override
  public String id() {
    return "disk";
  }

  @Override
  public List<Finding> examine(Machine machine) {
    List<Finding> findings = new ArrayList<>();
    place("models of the hub", machine.cache(), "set HF_HOME", LITTLE, findings);
    place(
        "temporary files",
        machine.temporary(),
        "set FETTLE_JAVA_OPTS=-Djava.io.tmpdir=FOLDER",
        LIBRARIES,
        findings);
    return findings;
  }

  private void place(
      String what, Path folder, String otherwise, long needed, List<Finding> findings) {
    Path existing = existing(folder);
    if (!Files.isDirectory(existing) || !Files.isWritable(existing)) {
      findings.add(
          Finding.error(
              id(),
              "%s go to %s, where this user cannot write".formatted(what, folder),
              "chown it, or %s to a folder that can be written".formatted(otherwise)));
      return;
    }
    try {
      long free = Files.getFileStore(existing).getUsableSpace();
      String said = "%s free for %s in %s".formatted(Shown.bytes(free), what, folder);
      findings.add(
          free < needed
              ? Finding.warning(
                  id(), said, "make room, or %s to a larger disk".formatted(otherwise))
              : Finding.ok(id(), said));
    } catch (IOException e) {
      findings.add(
          Finding.warning(
              id(),
              "the disk of %s does not say how much is free (%s)".formatted(folder, e),
              "look with df -h"));
    }
  }

  /// The folder, or the nearest one above it that is there.
  private static Path existing(Path folder) {
    Path at = folder.toAbsolutePath();
    while (!Files.exists(at) && at.getParent() != null) {
      at = at.getParent();
    }
    return at;
  }
}
