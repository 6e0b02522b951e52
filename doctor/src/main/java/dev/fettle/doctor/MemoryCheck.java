package dev.fettle.doctor;

import java.util.ArrayList;
import java.util.List;

/// Memory of the machine, of the container, of the Java heap, and swap.
record MemoryCheck() implements MachineCheck {
  /// The least with which a model of half a billion parameters in 16 bits can be loaded beside the
  /// libraries.
  private static final long LITTLE = 2L << 30;

  /// Weights and activations live outside the heap, so a heap that may take more than this share of
  /// what is there can push them out.
  private static final double HEAP_SHARE = 0.75;

  @Override
  public String id() {
    return "memory";
  }

  @Override
  public List<Finding> examine(Machine machine) {
    List<Finding> findings = new ArrayList<>();
    findings.add(available(machine));
    if (machine.usableMemory() < machine.totalMemory()) {
      findings.add(
          Finding.note(
              id(),
              "the container may use %s of the machine's %s"
                  .formatted(
                      Shown.bytes(machine.usableMemory()), Shown.bytes(machine.totalMemory())),
              "raise its limit (docker run --memory=24g), or leave it"));
    }
    if (machine.maxHeap() > HEAP_SHARE * machine.usableMemory()) {
      findings.add(
          Finding.warning(
              id(),
              "the Java heap may grow to %s of %s, but weights live outside it"
                  .formatted(Shown.bytes(machine.maxHeap()), Shown.bytes(machine.usableMemory())),
              "set FETTLE_JAVA_OPTS=-Xmx%dm or less"
                  .formatted((machine.usableMemory() / 4) >> 20)));
    }
    return findings;
  }

  private Finding available(Machine machine) {
    String what =
        "%s available of %s, Java heap up to %s, %s"
            .formatted(
                Shown.bytes(machine.availableMemory()),
                Shown.bytes(machine.usableMemory()),
                Shown.bytes(machine.maxHeap()),
                machine.swapTotal() == 0
                    ? "no swap, so a run that needs more is killed"
                    : "swap " + Shown.bytes(machine.swapTotal()));
    return machine.availableMemory() < LITTLE
        ? Finding.warning(
            id(), what, "end other programs; even a model of 0.5B parameters needs 2 GB")
        : Finding.ok(id(), what);
  }
}
