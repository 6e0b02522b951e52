package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AtomicFilesTest {
  @TempDir Path folder;

  @Test
  void replacesAFileAndLeavesNoOther() throws IOException {
    Path file = folder.resolve("deep/run.json");
    AtomicFiles.writeString(file, "one");
    AtomicFiles.writeString(file, "two");
    assertThat(file).hasContent("two");
    assertThat(names(folder.resolve("deep"))).containsExactly("run.json");
  }

  @Test
  void aFailureLeavesTheOldFile() throws IOException {
    Path file = folder.resolve("run.json");
    AtomicFiles.writeString(file, "one");
    assertThatThrownBy(() ->
            AtomicFiles.write(
                file,
                temporary -> {
                  Files.writeString(temporary, "half");
                  throw new IOException("No space left on device");
                }))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("run.json")
        .hasMessageContaining("No space left on device");
    assertThat(file).hasContent("one");
    assertThat(names(folder)).containsExactly("run.json");
  }

  @Test
  void saysWhereAFileCannotBeWritten() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> AtomicFiles.writeString(file.resolve("run.json"), "x"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("run.json");
  }

  /// No process has the first number; the test itself has the second.
  @Test
  void removesWhatAKilledProcessLeft() throws IOException {
    long alive = ProcessHandle.current().pid();
    Files.createDirectories(folder.resolve(".model.partial-999999999999-abcd/inner"));
    Files.createDirectories(folder.resolve(".model.partial-" + alive + "-abcd"));
    Files.createDirectories(folder.resolve(".model.partial-mine"));
    Files.createDirectories(folder.resolve(".other.partial-999999999999-abcd"));
    AtomicFolder.write(
        folder.resolve("model"), temporary -> Files.writeString(temporary.resolve("a"), "a"));
    assertThat(names(folder))
        .containsExactlyInAnyOrder(
            "model",
            ".model.partial-" + alive + "-abcd",
            ".model.partial-mine",
            ".other.partial-999999999999-abcd");
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).toList();
    }
  }
}
