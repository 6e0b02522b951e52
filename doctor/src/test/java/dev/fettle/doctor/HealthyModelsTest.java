package dev.fettle.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// No false alarm.
class HealthyModelsTest {
  @TempDir Path root;

  @Test
  void theTestModelIsSound() throws IOException {
    Examination examination = Examination.of(TestModel.write(root.resolve("model")).path());
    examination.isSoundExcept();
    assertThat(examination.findings())
        .filteredOn(finding -> finding.severity() == Severity.OK)
        .extracting(Finding::check)
        .contains(
            "checkpoint",
            "weights",
            "tokenizer",
            "vocabulary-size",
            "tied-weights",
            "missing-eos",
            "pad-token",
            "double-bos",
            "chat-template",
            "token-agreement");
  }

  @Test
  void stories260kIsSound() {
    Path model = Path.of(System.getProperty("fettle.shared", "../shared"), "assets", "stories260K");
    assumeTrue(Files.exists(model), "skipped: no " + model);
    Examination.of(model).isSoundExcept();
  }

  @Test
  void theDemosModelIsSound() {
    Path model =
        Path.of(System.getProperty("fettle.root", ".."))
            .resolve("demo/src/main/resources/dev/fettle/demo/model");
    assumeTrue(Files.exists(model), "skipped: no " + model);
    Examination.of(model).isSoundExcept();
  }
}
