package dev.fettle.doctor;

/// How bad a finding is, from good to bad.
public enum Severity {
  /// Looked at and sound.
  OK,
  /// Good to know; nothing has to change.
  NOTE,
  /// Works here, but gives worse results or another tool's answers under some use.
  WARNING,
  /// Wrong results, or work that stops.
  ERROR
}
