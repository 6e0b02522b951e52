package dev.fettle.doctor;

import java.util.List;

/// All findings, in the order of the checks.
public record Diagnosis(List<Finding> findings) {
  public Diagnosis {
    findings = List.copyOf(findings);
  }

  /// How many findings are this bad.
  public long count(Severity severity) {
    return findings.stream().filter(finding -> finding.severity() == severity).count();
  }

  public boolean hasErrors() {
    return count(Severity.ERROR) > 0;
  }

  /// Those at least this bad.
  public List<Finding> atLeast(Severity severity) {
    return findings.stream()
        .filter(finding -> finding.severity().compareTo(severity) >= 0)
        .toList();
  }
}
