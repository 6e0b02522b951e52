package dev.fettle.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.text.DatasetOptions;
import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What the doctor says of a model.
record Examination(List<Finding> findings) {
  static Examination of(Path model) {
    return of(model, null, null, false);
  }

  static Examination ofData(Path model, Path data, DatasetOptions options) {
    return of(new DoctorRequest(model, DataFiles.of(data), options, null, null, false));
  }

  private static Examination of(DoctorRequest request) {
    return new Examination(Doctor.examine(request, TestMachine.sound()).findings());
  }

  static Examination of(Path model, @Nullable Path adapter, @Nullable Path gguf, boolean deep) {
    return of(new DoctorRequest(model, null, DatasetOptions.of(512), adapter, gguf, deep));
  }

  /// The worst finding of a check.
  Finding worst(String check) {
    return findings.stream()
        .filter(finding -> finding.check().equals(check))
        .max((a, b) -> a.severity().compareTo(b.severity()))
        .orElseThrow(() -> new AssertionError("nothing about " + check + " in " + findings));
  }

  /// The check found this, says so with these words, and says how to mend it.
  void finds(Severity severity, String check, String... words) {
    Finding finding = worst(check);
    assertThat(finding.severity()).as(finding.toString()).isEqualTo(severity);
    for (String word : words) {
      assertThat(finding.found()).contains(word);
    }
    assertThat(finding.fix()).as(finding.toString()).isNotBlank();
  }

  /// No check but these found anything worse than a note.
  void isSoundExcept(String... checks) {
    assertThat(findings)
        .filteredOn(finding -> !List.of(checks).contains(finding.check()))
        .filteredOn(finding -> finding.severity().compareTo(Severity.WARNING) >= 0)
        .isEmpty();
  }
}
