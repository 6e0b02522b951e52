package dev.fettle.parquet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import dev.fettle.text.records.RecordOptions;
import dev.fettle.text.records.RecordReader;
import dev.fettle.text.records.Row;
import dev.fettle.text.records.TrainingRecord;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/// Files of pyarrow, and what pyarrow reads from them; `tools/golden/make_parquet.py`.
class ParquetFormatTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "pairs-plain",
        "pairs-snappy",
        "pairs-zstd",
        "pairs-gzip",
        "pairs-delta",
        "pairs-large",
        "chats-snappy",
        "chats-zstd",
        "empty"
      })
  void rowsAreThoseOfPyarrow(String name) throws IOException {
    List<ObjectNode> expected = new ArrayList<>();
    for (String line : Files.readAllLines(resource(name + ".jsonl"))) {
      expected.add(Json.parse(line, name));
    }
    List<Row> rows = new ArrayList<>();
    new ParquetFormat().read(resource(name + ".parquet"), "", rows::add);
    assertThat(rows)
        .extracting(row -> Json.compact(row.columns()))
        .containsExactlyElementsOf(expected.stream().map(Json::compact).toList());
    for (int i = 0; i < rows.size(); i++) {
      assertThat(rows.get(i).number()).isEqualTo(i + 1);
    }
  }

  @Test
  void theRecordReaderFindsIt() {
    List<TrainingRecord> records = new ArrayList<>();
    RecordReader reader = new RecordReader(RecordOptions.defaults());
    reader.read(resource("chats-snappy.parquet"), (record, number) -> records.add(record));
    assertThat(records).hasSize(5);
    TrainingRecord.Conversation first = (TrainingRecord.Conversation) records.getFirst();
    assertThat(first.messages())
        .extracting(turn -> turn.path("role").asString())
        .containsExactly("system", "user", "assistant");
    assertThat(reader.unit(Path.of("x.parquet"))).isEqualTo("row");
  }

  @Test
  void readingStopsWhenEnoughIsRead() {
    List<Row> rows = new ArrayList<>();
    new ParquetFormat()
        .read(
            resource("pairs-zstd.parquet"),
            "",
            row -> {
              rows.add(row);
              return rows.size() < 3;
            });
    assertThat(rows).hasSize(3);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 3, 8, 200, 1000})
  void aCutFileIsRefused(int length) throws IOException {
    byte[] whole = Files.readAllBytes(resource("pairs-snappy.parquet"));
    Path cut = Files.write(folder.resolve("cut.parquet"), Arrays.copyOf(whole, length));
    assertThatThrownBy(() -> new ParquetFormat().read(cut, "", row -> true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("cut.parquet");
  }

  /// One byte of the file changed: it is read, or refused in one sentence.
  @ParameterizedTest
  @ValueSource(strings = {"pairs-snappy", "chats-zstd"})
  void aDamagedFileNeverEndsInAnotherException(String name) throws IOException {
    byte[] whole = Files.readAllBytes(resource(name + ".parquet"));
    Path damaged = folder.resolve("damaged.parquet");
    for (int at = 0; at < whole.length; at += 37) {
      byte[] bytes = whole.clone();
      bytes[at] ^= (byte) 0xFF;
      Files.write(damaged, bytes);
      try {
        new ParquetFormat().read(damaged, "", row -> row.number() < 100);
      } catch (UserException e) {
        assertThat(e.getMessage()).contains("damaged.parquet");
      }
    }
  }

  @Test
  void aMissingFileIsNamed() {
    assertThatThrownBy(() -> new ParquetFormat().read(Path.of("none.parquet"), "", row -> true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("none.parquet does not exist");
  }

  private static Path resource(String name) {
    try {
      return Path.of(
          Objects.requireNonNull(ParquetFormatTest.class.getResource("/parquet/" + name), name)
              .toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
