package dev.fettle.text.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DataFilesTest {
  @TempDir Path folder;

  @Test
  void foldersAndPatternsGiveTheirFilesInOrder() throws IOException {
    write("b.jsonl", "a.csv", "sub/c.txt", "README.md", ".hidden/d.jsonl", ".e.jsonl");
    assertThat(names(folder)).containsExactly("a.csv", "b.jsonl", "sub/c.txt");
    assertThat(names(folder.resolve("*.{csv,jsonl}"))).containsExactly("a.csv", "b.jsonl");
    assertThat(names(folder.resolve("**.txt"))).containsExactly("sub/c.txt");
    assertThat(names(folder.resolve("su?/*"))).containsExactly("sub/c.txt");
    List<Path> twice = List.of(folder.resolve("b.jsonl"), folder);
    assertThat(new DataFiles(twice).files()).hasSize(3);
    assertThat(new DataFiles(twice).sha256()).isNotEqualTo(DataFiles.of(folder).sha256());
  }

  @Test
  void splitsInNamesAreKeptApart() throws IOException {
    write("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl", "data/test.jsonl");
    assertThat(names(folder))
        .containsExactly("data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl");
  }

  @Test
  void withoutOtherSplitsEverythingIsTaken() throws IOException {
    write("training.jsonl", "contest.jsonl", "more.jsonl");
    assertThat(names(folder)).hasSize(3);
  }

  @Test
  void nothingThereIsSaid() throws IOException {
    write("README.md");
    assertThatThrownBy(() -> DataFiles.of(folder).files())
        .isInstanceOf(UserException.class)
        .hasMessageContaining("holds no data file; expected files that end in .jsonl");
    assertThatThrownBy(() -> DataFiles.of(folder.resolve("*.csv")).files())
        .isInstanceOf(UserException.class)
        .hasMessageContaining("No file matches");
    assertThatThrownBy(() -> DataFiles.of(folder.resolve("a.csv")).files())
        .isInstanceOf(UserException.class)
        .hasMessageContaining("does not exist");
  }

  private List<String> names(Path given) {
    return DataFiles.of(given).files().stream()
        .map(file -> folder.relativize(file).toString())
        .toList();
  }

  private void write(String... names) throws IOException {
    for (String name : names) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
  }
}
