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

class PlainTextTest {
  @TempDir Path folder;

  @Test
  void rowsAndFilesAreJoinedByBlankLines() throws IOException {
    Path text = Files.writeString(folder.resolve("a.txt"), "\uFEFFone\n");
    Path rows = Files.writeString(folder.resolve("b.csv"), "id,text\n1,two\n2,three\n");
    assertThat(PlainText.read(DataFiles.of(text))).isEqualTo("one\n");
    assertThat(PlainText.read(new DataFiles(List.of(text, rows))))
        .isEqualTo("one\n\n\ntwo\n\nthree");
  }

  @Test
  void conversationsAreNoText() throws IOException {
    Path chat =
        Files.writeString(
            folder.resolve("c.jsonl"),
            "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}");
    assertThatThrownBy(() -> PlainText.read(DataFiles.of(chat)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("c.jsonl line 1: expected a text, found a conversation");
  }
}
