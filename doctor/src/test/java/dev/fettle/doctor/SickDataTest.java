package dev.fettle.doctor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Illnesses of training data.
class SickDataTest {
  private static final String SHORT =
      "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"},"
          + " {\"role\": \"assistant\", \"content\": \"Hello %d\"}]}\n";

  @TempDir Path root;
  private TestModel model;

  @BeforeEach
  void healthy() throws IOException {
    model = TestModel.write(root.resolve("model"));
  }

  private static String rows(String row, int count) {
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < count; i++) {
      rows.append(row.formatted(i));
    }
    return rows.toString();
  }

  private Examination examine(String rows, int seqLength) throws IOException {
    Path data = Files.writeString(root.resolve("data.jsonl"), rows);
    return Examination.ofData(model.path(), data, DatasetOptions.of(seqLength));
  }

  @Test
  void soundDataIsSound() throws IOException {
    Examination examination = examine(rows(SHORT, 8), 64);
    examination.isSoundExcept();
    assertThat(examination.worst("truncated-answers").severity()).isEqualTo(Severity.OK);
    assertThat(examination.worst("all-masked").severity()).isEqualTo(Severity.OK);
    assertThat(examination.worst("data").found()).contains("8 samples");
  }

  @Test
  void everyAnswerBeyondTheLength() throws IOException {
    String row = "{\"prompt\": \"%d " + "word ".repeat(40) + "\", \"completion\": \"yes\"}\n";
    Examination examination = examine(rows(row, 5), 32);
    examination.finds(Severity.ERROR, "truncated-answers", "32");
    assertThat(examination.worst("truncated-answers").fix()).containsPattern("--seq-length \\d{3}");
    examination.isSoundExcept("truncated-answers");
  }

  @Test
  void someAnswersBeyondTheLengthAndSomeCut() throws IOException {
    String lost = "{\"prompt\": \"" + "word ".repeat(40) + "\", \"completion\": \"yes\"}\n";
    String cut = "{\"prompt\": \"a\", \"completion\": \"" + "word ".repeat(40) + "\"}\n";
    String sound = "{\"prompt\": \"a%d\", \"completion\": \"b\"}\n";
    Examination examination = examine(rows(sound, 4) + lost + cut, 32);
    examination.finds(Severity.ERROR, "truncated-answers", "1 of 6 rows", "line 5");
    assertThat(examination.findings())
        .anySatisfy(finding -> {
          assertThat(finding.check()).isEqualTo("truncated-answers");
          assertThat(finding.severity()).isEqualTo(Severity.WARNING);
          assertThat(finding.found()).contains("1 of 6 rows lose the end of their answer");
        });
  }

  @Test
  void rowsWithoutTheAssistant() throws IOException {
    String question = "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi %d\"}]}\n";
    Examination some = examine(rows(SHORT, 3) + rows(question, 2), 64);
    some.finds(Severity.WARNING, "all-masked", "2 of 5 rows", "line 4");
    Examination all = examine(rows(question, 2), 64);
    all.finds(Severity.ERROR, "all-masked", "nothing to learn");
    all.isSoundExcept("all-masked");
  }

  @Test
  void rowsThatBeginWithBosAlready() throws IOException {
    model.withBosBefore().edit("tokenizer_config.json", json -> json.put("add_bos_token", true));
    Examination examination =
        examine(rows("{\"prompt\": \"<s>Q%d\", \"completion\": \"A\"}\n", 3), 64);
    examination.finds(Severity.ERROR, "double-bos", "3 of 3 samples", "'<s>' (1)", "line 1");
  }

  @Test
  void conversationsWithoutAnEnd() throws IOException {
    model.withTemplate(TestModel.CHATML.replace("<|im_end|>", ""));
    Examination examination = examine(rows(SHORT, 3), 64);
    assertThat(examination.findings())
        .filteredOn(finding -> finding.check().equals("missing-eos"))
        .extracting(Finding::found)
        .anySatisfy(found -> assertThat(found).contains("3 of 3 samples teach no token"));
  }

  @Test
  void aRowThatIsNoJson() throws IOException {
    examine(rows(SHORT, 2) + "{oops\n", 64).finds(Severity.ERROR, "data", "line 3");
  }

  @Test
  void aLengthBeyondThePositions() throws IOException {
    examine(rows(SHORT, 2), 5000).finds(Severity.ERROR, "data", "4096 positions");
  }

  @Test
  void positionsThatStretchWithTheTextAreCounted() throws IOException {
    model.edit(
        "config.json",
        json -> json.putObject("rope_scaling").put("rope_type", "dynamic").put("factor", 2.0));
    assertThat(examine(rows(SHORT, 2), 5000).worst("data").severity()).isEqualTo(Severity.OK);
    examine(rows(SHORT, 2), 8193).finds(Severity.ERROR, "data", "8192 positions");
  }

  @Test
  void repeatedRowsAreNoted() throws IOException {
    Examination examination = examine(SHORT.formatted(1).repeat(3), 64);
    examination.isSoundExcept();
    assertThat(examination.findings())
        .anySatisfy(finding -> assertThat(finding.found()).contains("2 of 3 rows repeat"));
  }

  @Test
  void plainTextIsSound() throws IOException {
    Path data = Files.writeString(root.resolve("data.txt"), "Once upon a time. ".repeat(50));
    Examination examination = Examination.ofData(model.path(), data, DatasetOptions.of(64));
    examination.isSoundExcept();
  }

  @Test
  void dataThatIsNotThereIsNoFinding() {
    Path nothing = root.resolve("nothing.jsonl");
    assertThatThrownBy(() -> Examination.ofData(model.path(), nothing, DatasetOptions.of(64)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("nothing.jsonl");
  }
}
