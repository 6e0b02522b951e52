package dev.fettle.doctor;

import java.util.List;

/// A question about the machine.
non-sealed interface MachineCheck extends Check {
  List<Finding> examine(Machine machine);
}
