package dev.fettle.doctor;

/// One question with a stable id.
sealed interface Check permits MachineCheck, ModelCheck {
  /// Such as `double-bos`; what a finding is looked up by.
  String id();
}
