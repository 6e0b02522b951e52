package dev.fettle.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.Engine;
import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.TokenizerLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineChecksTest {
  private static final long GIB = 1L << 30;

  @TempDir Path root;

  private static Machine machine(
      int vectorBits, long usable, long available, long heap, Map<String, String> environment) {
    return TestMachine.with(
        Set.of("avx2", "avx512f"),
        4,
        16,
        vectorBits,
        64 * GIB,
        usable,
        available,
        heap,
        environment,
        TestMachine.home());
  }

  private static List<Severity> severities(List<Finding> findings) {
    return findings.stream().map(Finding::severity).toList();
  }

  @Test
  void bothNativeLibrariesLoadAndSayTheirVersions() {
    List<Finding> findings =
        new NativeLibraryCheck(Engine::describe, TokenizerLibrary::describe)
            .examine(TestMachine.sound());
    assertThat(findings)
        .extracting(Finding::found)
        .satisfiesExactly(
            engine -> assertThat(engine).matches("LibTorch \\d+\\.\\d+.*, \\d+ threads"),
            tokenizers -> assertThat(tokenizers).matches("tokenizers \\d+\\.\\d+.*"));
    assertThat(severities(findings)).containsOnly(Severity.OK);
  }

  @Test
  void aLibraryThatDoesNotLoadIsAnError() {
    NativeLibraryCheck check =
        new NativeLibraryCheck(
            () -> {
              throw new UserException("LibTorch could not be loaded: no such file.");
            },
            () -> "tokenizers 1");
    assertThat(check.examine(TestMachine.sound()))
        .first()
        .satisfies(finding -> {
          assertThat(finding.severity()).isEqualTo(Severity.ERROR);
          assertThat(finding.check()).isEqualTo("native-library");
          assertThat(finding.found()).contains("no such file");
          assertThat(finding.fix()).contains("linux-x86_64");
        });
  }

  @Test
  void scalarLoopsAndSpinningThreadsAreWarnings() {
    Map<String, String> environment = Map.of("OMP_NUM_THREADS", "64", "OMP_WAIT_POLICY", "ACTIVE");
    List<Finding> findings =
        new CpuCheck().examine(machine(0, 64 * GIB, 60 * GIB, 8 * GIB, environment));
    assertThat(severities(findings))
        .containsExactly(Severity.WARNING, Severity.NOTE, Severity.NOTE, Severity.WARNING);
    assertThat(findings.get(0).fix()).contains("jdk.incubator.vector");
    assertThat(findings.get(1).found()).contains("4 of the machine's 16");
    assertThat(findings.get(2).found()).contains("OMP_NUM_THREADS is 64");
  }

  @Test
  void aSoundMachineIsSound() {
    assertThat(severities(new CpuCheck().examine(TestMachine.sound()))).containsOnly(Severity.OK);
    assertThat(severities(new MemoryCheck().examine(TestMachine.sound())))
        .containsOnly(Severity.OK);
  }

  @Test
  void narrowVectorsOnAWideProcessorAreNoted() {
    assertThat(new CpuCheck().examine(machine(256, 64 * GIB, 60 * GIB, 8 * GIB, Map.of())).get(0))
        .satisfies(finding -> {
          assertThat(finding.severity()).isEqualTo(Severity.NOTE);
          assertThat(finding.fix()).contains("UseAVX");
        });
  }

  @Test
  void aContainersLimitAHugeHeapAndLittleMemoryAreFound() {
    List<Finding> findings =
        new MemoryCheck().examine(machine(512, 2 * GIB, GIB, 2 * GIB, Map.of()));
    assertThat(severities(findings))
        .containsExactly(Severity.WARNING, Severity.NOTE, Severity.WARNING);
    assertThat(findings.get(1).found()).contains("2.1 GB of the machine's 68.7 GB");
    assertThat(findings.get(2).fix()).contains("-Xmx512m");
  }

  @Test
  void aCacheThatIsAFileCannotBeWritten() throws IOException {
    Path file = Files.writeString(root.resolve("file"), "x");
    Machine machine =
        TestMachine.with(Set.of(), 1, 1, 512, GIB, GIB, GIB, 1, Map.of(), file.resolve("hub"));
    assertThat(new DiskCheck().examine(machine).getFirst())
        .satisfies(finding -> {
          assertThat(finding.severity()).isEqualTo(Severity.ERROR);
          assertThat(finding.fix()).contains("HF_HOME");
        });
  }

  @Test
  void whatFitsAndWhatDoesNot() throws IOException {
    Path model = TestModel.write(root.resolve("model")).path();
    DoctorRequest request =
        new DoctorRequest(model, null, DatasetOptions.of(512), null, null, false);
    try (Patient patient = new Patient(model, request)) {
      assertThat(new MemoryPlanCheck(60 * GIB).examine(patient))
          .singleElement()
          .satisfies(finding -> {
            assertThat(finding.severity()).isEqualTo(Severity.OK);
            assertThat(finding.found()).contains("batch 8, 512 tokens");
          });
      assertThat(new MemoryPlanCheck(1 << 20).examine(patient))
          .singleElement()
          .satisfies(finding -> {
            assertThat(finding.severity()).isEqualTo(Severity.WARNING);
            assertThat(finding.found()).contains("1.0 MB available");
          });
    }
  }

  @Test
  void thisMachineIsRead() {
    Machine here = Machine.here();
    assertThat(here.processors()).isPositive();
    assertThat(here.totalMemory()).isGreaterThanOrEqualTo(here.usableMemory());
    assertThat(here.maxHeap()).isEqualTo(Runtime.getRuntime().maxMemory());
  }
}
