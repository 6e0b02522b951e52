package dev.fettle.doctor;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Instructions that make kernels fast, and how many processors they run on.
record CpuCheck() implements MachineCheck {
  /// In the words of `/proc/cpuinfo`, on x86-64 and ARM64.
  private static final List<String> TELLING =
      List.of(
          "avx2",
          "fma",
          "f16c",
          "avx512f",
          "avx512_vnni",
          "avx512_bf16",
          "amx_tile",
          "amx_bf16",
          "amx_int8",
          "asimd",
          "asimddp",
          "bf16",
          "i8mm",
          "sve");

  private static final int FULL_BITS = 512;

  @Override
  public String id() {
    return "cpu";
  }

  @Override
  public List<Finding> examine(Machine machine) {
    List<Finding> findings = new ArrayList<>();
    findings.add(instructions(machine));
    findings.add(processors(machine));
    threads(machine, findings);
    return findings;
  }

  private Finding instructions(Machine machine) {
    Set<String> flags = machine.cpuFlags();
    String has = String.join(" ", TELLING.stream().filter(flags::contains).toList());
    String what =
        "%s, %s%s; Java %s"
            .formatted(
                machine.cpuModel().isEmpty() ? "processor" : machine.cpuModel(),
                machine.system(),
                has.isEmpty() ? "" : ": " + has,
                machine.java());
    if (machine.vectorBits() == 0) {
      return Finding.warning(
          id(),
          what + "; kernels run as scalar loops, many times slower",
          "start Java with --add-modules jdk.incubator.vector (./fettle does), on a processor with"
              + " 256-bit vectors (AVX2)");
    }
    String kernels = "; vector kernels of %d bits".formatted(machine.vectorBits());
    if (flags.contains("avx512f") && machine.vectorBits() < FULL_BITS) {
      return Finding.note(
          id(),
          what + kernels + ", though the processor has AVX-512",
          "FETTLE_JAVA_OPTS=-XX:UseAVX=3 lets Java use it where it chose not to");
    }
    return Finding.ok(id(), what + kernels);
  }

  private Finding processors(Machine machine) {
    int usable = machine.processors();
    if (usable < machine.cores()) {
      return Finding.note(
          id(),
          "%d of the machine's %d processors may be used".formatted(usable, machine.cores()),
          "give the container more processors (docker run --cpus=%d), or leave it"
              .formatted(machine.cores()));
    }
    return Finding.ok(id(), "all %d processors may be used".formatted(usable));
  }

  private void threads(Machine machine, List<Finding> findings) {
    for (String name : List.of("OMP_NUM_THREADS", "MKL_NUM_THREADS")) {
      String value = machine.environment().getOrDefault(name, "");
      if (value.matches("\\d{1,6}") && Integer.parseInt(value) != machine.processors()) {
        findings.add(
            Finding.note(
                id(),
                "%s is %s, with %d processors".formatted(name, value, machine.processors()),
                "unset " + name + ", unless that is meant"));
      }
    }
    String policy = machine.environment().getOrDefault("OMP_WAIT_POLICY", "passive");
    if (!policy.equalsIgnoreCase("passive")) {
      findings.add(
          Finding.warning(
              id(),
              "OMP_WAIT_POLICY is %s, with which thread pools wait for each other by spinning"
                  .formatted(Shown.quote(policy)),
              "export OMP_WAIT_POLICY=passive"));
    }
  }
}
