package dev.fettle.text.records;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RecordReaderTest {
  @TempDir Path folder;

  @Test
  void promptsAndCompletions() {
    assertThat(read("a.jsonl", "{\"prompt\": \"p\", \"completion\": \"c\", \"id\": 7}"))
        .containsExactly(new TrainingRecord.Completion("p", "c"));
  }

  @Test
  void alpacaHasItsStandardPrompt() {
    List<TrainingRecord> records =
        read(
            "a.json",
            """
            [{"instruction": "Add.", "input": "1 2", "output": "3"},
             {"instruction": "Say hi.", "input": "", "output": "Hi"},
             {"instruction": "Say hi.", "input": null, "output": "Hi"}]
            """);
    assertThat(records.get(0))
        .isEqualTo(
            new TrainingRecord.Completion(
                "Below is an instruction that describes a task, paired with an input that provides"
                    + " further context. Write a response that appropriately completes the"
                    + " request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### Response:\n",
                "3"));
    assertThat(records.get(1))
        .isEqualTo(
            new TrainingRecord.Completion(
                "Below is an instruction that describes a task. Write a response that"
                    + " appropriately completes the request.\n\n### Instruction:\nSay hi.\n\n###"
                    + " Response:\n",
                "Hi"))
        .isEqualTo(records.get(2));
  }

  @Test
  void shareGptSpeakersBecomeRoles() {
    assertThat(
            conversation(
                """
                {"system": "Be kind.", "conversations": [{"from": "human", "value": "Hi"},
                 {"from": "gpt", "value": "Hello"}, {"from": "observation", "value": "7"}]}
                """))
        .isEqualTo(
            conversation(
                """
                {"messages": [{"role": "system", "content": "Be kind."},
                 {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
                 {"role": "tool", "content": "7"}]}
                """));
  }

  @Test
  void messagesKeepWhatTemplatesRead() {
    TrainingRecord.Conversation conversation =
        conversation(
            """
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"},
               {"type": "text", "text": "b"}], "name": null},
              {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f"}}]}],
             "tools": "[{\\"name\\": \\"f\\"}]", "chat_template_kwargs": {"enable_thinking": false}}
            """);
    assertThat(conversation.messages().get(0))
        .isEqualTo(Json.object().put("role", "user").put("content", "ab"));
    assertThat(conversation.messages().get(1).path("tool_calls").size()).isEqualTo(1);
    assertThat(conversation.messages().get(1).path("content").isNull()).isTrue();
    assertThat(conversation.variables().toString())
        .isEqualTo("{\"tools\":[{\"name\":\"f\"}],\"enable_thinking\":false}");
  }

  @Test
  void conversationalPromptsAndCompletions() {
    TrainingRecord.Conversation conversation =
        conversation(
            """
            {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
             "completion": [{"role": "assistant", "content": "a"}]}
            """);
    assertThat(conversation.promptTurns()).isEqualTo(2);
    assertThat(conversation.messages()).hasSize(3);
  }

  @Test
  void columnsAreMapped() {
    assertThat(
            read(
                "a.csv",
                "question,answer\n\"2+2?\",4\n",
                options()
                    .withColumns(ColumnMap.parse(List.of("prompt=question", "completion=answer")))))
        .containsExactly(new TrainingRecord.Completion("2+2?", "4"));
    assertThat(
            read(
                "a.jsonl",
                "{\"talk\": [{\"who\": \"user\", \"said\": \"Hi\"}]}",
                options()
                    .withColumns(
                        ColumnMap.parse(List.of("messages=talk", "role=who", "content=said")))))
        .containsExactly(
            conversation("{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}"));
    assertThatThrownBy(() -> ColumnMap.parse(List.of("question=prompt")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'question' is no column of a training record");
    assertThatThrownBy(() -> ColumnMap.parse(List.of("prompt")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("prompt=question");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"question\": 1, \"answer\": 2} | --column-map prompt=question,completion=answer",
        "{\"messages\": [], \"text\": \"c\"} | can be read as chatml or as text; say which, with --data-format chatml",
        "{\"foo\": 1} | found [foo]; map yours",
        "{\"messages\": []} | expected a list of messages under \"messages\", found []",
        "{\"messages\": [{\"content\": \"a\"}]} | message 1 of \"messages\": expected a string under \"role\", found nothing",
        "{\"conversations\": [{\"from\": \"bob\", \"value\": \"a\"}]} | the speaker 'bob' is unknown",
        "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image\"}]}]} | only text can be trained on",
        "{\"prompt\": \"a\", \"completion\": 4} | expected a string under \"completion\", found 4",
        "{\"text\": null} | expected a string under \"text\", found null",
        "{\"text\": \"a\" | Malformed JSON in",
        "{\"messages\": \"hi\"} | expected a list of messages under \"messages\", found text.",
        "{\"text\": \"a\"} {\"text\": \"b\"} | line 2, column 15: a second value follows the first",
        "{\"text\": \"a | line 2, column 12: it ends in the middle of a string.",
        "{\"text\": NaN} | column 13: NaN is no JSON number; write null.",
        "{\"text\": -Infinity} | -Infinity is no JSON number; write null.",
        "{\"text\": None} | column 10: 'None' is no JSON value; write null.",
        "{'text': 1} | column 2: found ''' where a name in double quotes was expected.",
        "{\"text\": \"a\" 1} | where a comma or the end was expected.",
        "{\"text\": 1] | found ']' where '}' was expected.",
        "[ | Expected a JSON object in",
        "[1] | found an array; name a file .json",
      })
  void aBadFirstRowIsNamed(String line, String what) {
    assertThatThrownBy(() -> read("bad.jsonl", "\n" + line + "\n"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("bad.jsonl line 2")
        .hasMessageContaining(what);
  }

  @Test
  void alpacasOwnColumnsAreAlpaca() {
    String published =
        "{\"instruction\": \"a\", \"input\": \"\", \"output\": \"b\", \"text\": \"c\"}";
    String without = "{\"instruction\": \"a\", \"input\": \"\", \"output\": \"b\"}";
    assertThat(read("a.jsonl", published)).isEqualTo(read("b.jsonl", without)).hasSize(1);
  }

  @Test
  void aRowNestedTooDeeplyIsNamed() {
    assertThatThrownBy(() -> read("bad.jsonl", "{\"text\": " + "[".repeat(5000)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("bad.jsonl line 1: it is too deeply nested; at most 500 levels")
        .message()
        .doesNotContain("Jackson", "`", "Constraints");
  }

  @Test
  void theKindCanBeSaid() {
    String both = "{\"instruction\": \"a\", \"output\": \"b\", \"text\": \"c\"}";
    assertThat(read("a.jsonl", both, options().withKind(RecordKind.TEXT)))
        .containsExactly(new TrainingRecord.Text("c"));
    assertThatThrownBy(() -> read("a.jsonl", both, options().withKind(RecordKind.CHATML)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("--data-format chatml needs the columns [messages]");
    assertThatThrownBy(() -> RecordKind.parse("dpo"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("prompt-completion, chatml, sharegpt, alpaca, text");
  }

  @Test
  void rowsOfAnotherKindAreRefused() {
    assertThatThrownBy(() -> read("a.jsonl", "{\"text\": \"a\"}\n\n{\"prompt\": \"b\"}\n"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a.jsonl line 3: expected the columns [text] as in line 1");
  }

  @Test
  void nullColumnsDoNotMakeAKind() {
    assertThat(read("a.jsonl", "{\"text\": \"a\", \"messages\": null}"))
        .containsExactly(new TrainingRecord.Text("a"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[{\"text\": \"a\"}, {\"text\": \"b\"}]",
        "{\"version\": [1, [2]], \"data\": [{\"text\": \"a\"}, {\"text\": \"b\"}]}",
        "{\"text\": \"a\"}\n{\"text\": \"b\"}\n",
        "\uFEFF[{\"text\": \"a\"},\r\n{\"text\": \"b\"}]",
      })
  void jsonComesInSeveralLayouts(String json) {
    assertThat(read("a.json", json))
        .containsExactly(new TrainingRecord.Text("a"), new TrainingRecord.Text("b"));
  }

  @Test
  void oneObjectMayBeARecord() {
    assertThat(read("a.json", "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}"))
        .hasSize(1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"a\": [{\"text\": \"1\"}], \"b\": [{\"text\": \"2\"}]} | say which holds the rows, with --json-field a",
        "[{\"text\": \"1\"}, 2] | row 2: expected a JSON object, found a number",
        "[{\"text\": \"1\"} | Malformed JSON in",
        "[{\"text\": \"1\"}] 2 | goes on after its array",
        "3 | holds neither an array nor an object",
        "`` | is empty",
      })
  void badJsonIsNamed(String json, String what) {
    assertThatThrownBy(() -> read("bad.json", json))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("bad.json")
        .hasMessageContaining(what);
  }

  @Test
  void theFieldOfTheRowsCanBeSaid() {
    String json = "{\"a\": [{\"text\": \"1\"}], \"b\": [{\"text\": \"2\"}]}";
    assertThat(read("a.json", json, new RecordOptions(null, ColumnMap.none(), "b")))
        .containsExactly(new TrainingRecord.Text("2"));
    assertThatThrownBy(() -> read("a.json", json, new RecordOptions(null, ColumnMap.none(), "c")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no array of objects in the field 'c'; its fields are [a, b]");
  }

  @Test
  void packedFilesAreUnpacked() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(bytes)) {
      gzip.write("\uFEFF{\"text\": \"a\"}\r\n".getBytes(StandardCharsets.UTF_8));
    }
    Path file = Files.write(folder.resolve("a.jsonl.gz"), bytes.toByteArray());
    assertThat(read(file, options())).containsExactly(new TrainingRecord.Text("a"));
    Path broken = Files.writeString(folder.resolve("b.jsonl.gz"), "{\"text\": \"a\"}");
    assertThatThrownBy(() -> read(broken, options()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("b.jsonl.gz");
  }

  @Test
  void otherFormatsAreRefused() {
    assertThatThrownBy(() -> read("a.xlsx", "x"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a format that is not read here; write it as .jsonl, .json, .csv");
  }

  private static RecordOptions options() {
    return RecordOptions.defaults();
  }

  private TrainingRecord.Conversation conversation(String json) {
    String line = json.replace("\n", " ");
    return (TrainingRecord.Conversation) read("c.jsonl", line).getFirst();
  }

  private List<TrainingRecord> read(String name, String content) {
    return read(name, content, options());
  }

  private List<TrainingRecord> read(String name, String content, RecordOptions options) {
    try {
      return read(Files.writeString(folder.resolve(name), content), options);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<TrainingRecord> read(Path file, RecordOptions options) {
    List<TrainingRecord> records = new ArrayList<>();
    new RecordReader(options).read(file, (record, number) -> records.add(record));
    return records;
  }
}
