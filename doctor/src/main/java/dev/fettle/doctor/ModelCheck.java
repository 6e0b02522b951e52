package dev.fettle.doctor;

import java.util.List;

/// A question about a model, its tokenizer, and what lies beside them.
non-sealed interface ModelCheck extends Check {
  /// Nothing if what it looks at is not there or cannot be read, which another check reports.
  List<Finding> examine(Patient patient);
}
