package dev.fettle.text.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CsvTest {
  @TempDir Path folder;

  /// The grammar of RFC 4180, section 2: quotes, doubled quotes, separators and line ends inside
  /// quotes, both kinds of line end, a last line without one, an empty last field.
  @Test
  void rfc4180() {
    String csv =
        "\uFEFFa,\"b\"\"c\"\r\n"
            + "1,\"x, \"\"y\"\"\r\nz\"\r\n"
            + "\"\",\r\n"
            + "\r\n"
            + "caf\u00e9 \"q\",\"end\"";
    List<Row> rows = rows(Csv.commas(), csv);
    assertThat(rows)
        .extracting(row -> row.columns().toString())
        .containsExactly(
            "{\"a\":\"1\",\"b\\\"c\":\"x, \\\"y\\\"\\r\\nz\"}",
            "{\"a\":\"\",\"b\\\"c\":\"\"}",
            "{\"a\":\"caf\u00e9 \\\"q\\\"\",\"b\\\"c\":\"end\"}");
    assertThat(rows).extracting(Row::number).containsExactly(2L, 4L, 6L);
  }

  @Test
  void tabs() {
    assertThat(rows(Csv.tabs(), "a\tb\n1,2\t\"3\t4\"\n"))
        .extracting(row -> row.columns().toString())
        .containsExactly("{\"a\":\"1,2\",\"b\":\"3\\t4\"}");
  }

  @Test
  void blanksAroundNamesInTheHeaderDoNotCount() {
    assertThat(rows(Csv.commas(), "prompt, completion \n a , b\n"))
        .extracting(row -> row.columns().toString())
        .containsExactly("{\"prompt\":\" a \",\"completion\":\" b\"}");
  }

  @Test
  void readingStopsWhenEnoughIsRead() throws IOException {
    List<Row> rows = new ArrayList<>();
    Path file = Files.writeString(folder.resolve("a.csv"), "a\n1\n2\n\"never closed");
    Csv.commas()
        .read(
            file,
            "",
            row -> {
              rows.add(row);
              return rows.size() < 2;
            });
    assertThat(rows).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "a,b\\n1,2\\n3 | line 3: expected 2 fields as in the header, found 1",
        "a,b\\n1,\"2\\n3\\n | line 2: a quoted field starts here and is never closed",
        "a,b\\n1,\"2\"x\\n | line 2: a quoted field is followed by 'x'",
        "a,a\\n1,2\\n | line 1: the header names the column 'a' twice",
        "a;b\\n1;2\\n | separated by semicolons",
      })
  void aBadRowIsNamed(String csv, String what) {
    assertThatThrownBy(() -> rows(Csv.commas(), csv.replace("\\n", "\n")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(what);
  }

  @Test
  void aByteThatIsNoUtf8IsNamed() throws IOException {
    Path file =
        Files.write(folder.resolve("a.csv"), "a\n\u00e9\n".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() -> Csv.commas().read(file, "", row -> true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.csv line 2 is not UTF-8");
  }

  private List<Row> rows(Csv format, String text) {
    List<Row> rows = new ArrayList<>();
    try {
      format.read(Files.writeString(folder.resolve("a.csv"), text), "", rows::add);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return rows;
  }
}
