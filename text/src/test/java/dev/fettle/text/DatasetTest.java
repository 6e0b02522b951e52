package dev.fettle.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import dev.fettle.text.jinja.Rendering;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DatasetTest {
  private static final ChatTemplate CHAT =
      (conversation, prompt) ->
          new Rendering(
              conversation.messages().stream()
                      .map(m -> "[" + m.role() + "]" + m.content() + "\n")
                      .collect(Collectors.joining())
                  + (prompt ? "[assistant]" : ""),
              List.of());

  @TempDir Path folder;
  private Tokenizer tokenizer;

  @BeforeAll
  void load(@TempDir Path tokenizerFolder) throws IOException {
    tokenizer = TinyTokenizer.load(tokenizerFolder);
  }

  @AfterAll
  void close() {
    tokenizer.close();
  }

  @Test
  void plainTextIsCutIntoConsecutiveBlocks() {
    String text = "Once upon a time, there was a little girl named Lily! :)";
    int[] ids = tokenizer.encode(text, true);
    Dataset dataset = load("a.txt", text, DatasetOptions.of(5));
    int[] joined =
        IntStream.range(0, dataset.size())
            .mapToObj(dataset::get)
            .flatMapToInt(sample -> Arrays.stream(sample.ids()))
            .toArray();
    assertThat(ids.length % 5).isNotIn(0, 1);
    assertThat(joined).isEqualTo(ids);
    assertThat(dataset.size()).isEqualTo((ids.length + 4) / 5);
    DatasetSummary summary = dataset.summary();
    assertThat(summary.samples()).isEqualTo(dataset.size());
    assertThat(summary.tokens()).isEqualTo(ids.length);
    assertThat(summary.targetTokens()).isEqualTo(ids.length - dataset.size());
    assertThat(summary.lengths().max()).isEqualTo(5);
    assertThat(summary.findings().warnings(5)).isEmpty();
  }

  @Test
  void aTailOfOneTokenIsLeftOut() {
    String text = "Once upon a time";
    int length = tokenizer.encode(text, true).length;
    Dataset dataset = load("a.txt", text, DatasetOptions.of(length - 1));
    assertThat(dataset.size()).isEqualTo(1);
    assertThat(dataset.get(0).length()).isEqualTo(length - 1);
  }

  @Test
  void wrappedPackingKeepsEveryTokenOfLongTexts() {
    String row =
        "{\"text\": \"" + "Once upon a time, there was a little girl. ".repeat(60) + "\"}\n";
    int seqLength = 64;
    DatasetOptions options = DatasetOptions.of(seqLength).withMaxSamples(3);
    Dataset cut = load("long.jsonl", row.repeat(3), options);
    assertThat(cut.summary().tokens()).isEqualTo(3 * seqLength);
    long tokens = Math.round(3 * cut.summary().lengths().mean());
    assertThat(tokens).isGreaterThan(20 * seqLength);
    assertThat(cut.summary().findings().warnings(seqLength))
        .anyMatch(text ->
            text.startsWith(
                "3 of 3 texts lose %s tokens"
                    .formatted(DatasetSummary.count(tokens - 3 * seqLength))));

    Dataset whole = load("long.jsonl", row.repeat(3), options.withPacking(PackingStrategy.WRAPPED));
    assertThat(whole.summary().tokens()).isEqualTo(tokens);
    assertThat(whole.summary().findings().truncated()).isZero();
    Dataset packed = whole.packed(PackingStrategy.WRAPPED, seqLength, 7);
    assertThat(tokens % seqLength).isGreaterThan(1);
    assertThat(packed.size()).isEqualTo((int) (tokens / seqLength) + 1);
    assertThat(ids(packed)).isEqualTo(ids(whole));
    assertThat(packed.summary().findings().warnings(seqLength))
        .noneMatch(text -> text.contains("lose"));
    for (int i = 0; i < packed.size() - 1; i++) {
      assertThat(packed.length(i)).isEqualTo(seqLength);
      assertThat(packed.get(i).targetTokens()).isEqualTo(seqLength - 1);
      assertThat(packed.get(i).starts()).isNull();
    }
  }

  private static int[] ids(Dataset dataset) {
    return IntStream.range(0, dataset.size())
        .flatMap(i -> Arrays.stream(dataset.get(i).ids()))
        .toArray();
  }

  @Test
  void completionsCarryTheLossAndTheEndToken() {
    Dataset dataset =
        load(
            "a.jsonl",
            "{\"prompt\": \"One day,\", \"completion\": \" Lily saw a ball.\"}\r\n\n",
            DatasetOptions.of(64));
    Sample sample = dataset.get(0);
    int promptLength = tokenizer.encode("One day,", true).length;
    assertThat(tokenizer.decode(sample.ids(), true)).isEqualTo("One day, Lily saw a ball.");
    assertThat(sample.ids()[sample.length() - 1]).isEqualTo(tokenizer.eosId());
    assertThat(targets(sample))
        .isEqualTo(Arrays.copyOfRange(sample.ids(), promptLength, sample.length()));
    assertThat(dataset.summary().targetTokens()).isEqualTo(sample.length() - promptLength);
  }

  @Test
  void anEmptyCompletionTeachesTheEnd() {
    Dataset dataset =
        load("a.jsonl", "{\"prompt\": \"One day,\", \"completion\": \"\"}", DatasetOptions.of(64));
    int[] targets = targets(dataset.get(0));
    assertThat(targets).hasSize(1);
    assertThat(targets[0]).isEqualTo(tokenizer.eosId());
    assertThat(dataset.summary().findings().empty()).isZero();
  }

  /// `▁saw` joins the space that ends the prompt with the completion.
  @Test
  void aTokenAcrossTheBoundaryIsLearned() {
    Dataset dataset =
        load("a.jsonl", "{\"prompt\": \"Lily \", \"completion\": \"saw\"}", DatasetOptions.of(64));
    Sample sample = dataset.get(0);
    assertThat(tokenizer.decode(sample.ids(), true)).isEqualTo("Lily saw");
    assertThat(targets(sample)).hasSize(2);
    assertThat(tokenizer.decode(targets(sample), false)).isEqualTo("saw</s>");
  }

  @Test
  void everythingIsLearnedWhenAsked() {
    Dataset dataset =
        load(
            "a.jsonl",
            "{\"question\": \"One\", \"answer\": \" two\"}",
            DatasetOptions.of(64).withKeys("question", "answer").withCompletionOnly(false));
    assertThat(targets(dataset.get(0))).isEqualTo(dataset.get(0).ids());
  }

  @Test
  void chatsAreLearnedWhereTheAssistantSpeaks() {
    Dataset dataset =
        load(
            "a.jsonl",
            """
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Lily"}, {"role": "user", "content": "Bye"}, {"role": "assistant", "content": "Tom"}]}
            """,
            DatasetOptions.of(128));
    Sample sample = dataset.get(0);
    assertThat(tokenizer.decode(sample.ids(), false))
        .isEqualTo("[user]Hi\n[assistant]Lily\n[user]Bye\n[assistant]Tom\n");
    assertThat(tokenizer.decode(targets(sample), false)).isEqualTo("Lily\nTom\n");
  }

  @Test
  void textLinesAreEnded() {
    Sample sample = load("a.jsonl", "{\"text\": \"Once\"}", DatasetOptions.of(8)).get(0);
    assertThat(tokenizer.decode(sample.ids(), false)).isEqualTo("<s> Once</s>");
    assertThat(sample.labels()).isEqualTo(sample.ids());
  }

  @Test
  void gsm8kIsReadByItsOwnKeys() {
    Dataset dataset =
        Dataset.load(
            SharedData.path("assets/gsm8k/train.jsonl"),
            tokenizer,
            null,
            DatasetOptions.of(256).withKeys("question", "answer"));
    DatasetSummary summary = dataset.summary();
    assertThat(summary.samples() + summary.findings().leftOut()).isEqualTo(7473);
    assertThat(summary.samples()).isEqualTo(dataset.size());
    assertThat(summary.toString()).startsWith("%d,".formatted(summary.samples() / 1000));
    for (int i = 0; i < dataset.size(); i++) {
      assertThat(dataset.get(i).length()).isBetween(2, 256);
      assertThat(dataset.get(i).targetTokens()).isPositive();
    }
  }

  @Test
  void truncationIsCounted() {
    String lines =
        """
        {"prompt": "a", "completion": "b"}
        {"prompt": "a", "completion": "bbbbbbbbbbbb"}
        {"prompt": "aaaaaaaaaaaaaaaaa", "completion": "b"}
        """;
    Dataset dataset = load("a.jsonl", lines, DatasetOptions.of(8));
    assertThat(dataset.size()).isEqualTo(2);
    DatasetFindings findings = dataset.summary().findings();
    assertThat(findings.truncated()).isEqualTo(1);
    assertThat(findings.answersCut()).isEqualTo(1);
    assertThat(findings.answersLost()).isEqualTo(1);
    assertThat(findings.warnings(8))
        .satisfiesExactly(
            lost -> assertThat(lost).contains("1 of 3 rows are left out").contains("line 3)"),
            cut -> assertThat(cut).startsWith("1 of 3 samples lose a part"));
    assertThat(dataset.get(1).length()).isEqualTo(8);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"prompt\": \"a\"                        | Malformed JSON",
        "{\"prompt\": \"a\"}                       | expected the columns [prompt, completion] as in line 1, found the columns [prompt]",
        "{\"prompt\": \"a\", \"completion\": 3}    | expected a string under \"completion\", found 3",
        "{\"prompt\": \"a\", \"completion\": null} | expected a string under \"completion\", found null",
        "{\"messages\": []}                        | keep rows of different kinds in different files",
        "[1]                                       | found an array; name a file .json",
      })
  void aBadLineIsNamed(String line, String what) {
    String lines = "{\"prompt\": \"a\", \"completion\": \"b\"}\n" + line + "\n";
    assertThatThrownBy(() -> loadWithoutTemplate("bad.jsonl", lines))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("bad.jsonl line 2")
        .hasMessageContaining(what);
  }

  @Test
  void aSequenceLengthOfOneIsRefused() {
    assertThatThrownBy(() -> DatasetOptions.of(1)).isInstanceOf(UserException.class);
  }

  @Test
  void badFilesAreRefused() throws IOException {
    assertThatThrownBy(() -> loadWithoutTemplate("empty.jsonl", "\n\n"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no samples");
    assertThatThrownBy(() -> loadWithoutTemplate("empty.txt", ""))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("1 tokens");
    assertThatThrownBy(() -> loadWithoutTemplate("a.json", "[]"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no samples");
    assertThatThrownBy(() ->
            loadWithoutTemplate(
                "a.jsonl", "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("no chat template");
    assertThatThrownBy(
            () -> Dataset.load(folder.resolve("none.txt"), tokenizer, null, DatasetOptions.of(8)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("does not exist");
    assertThatThrownBy(() ->
            loadWithoutTemplate("a.jsonl", "{\"prompt\": \"aaaaaaaaaaa\", \"completion\": \"b\"}"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("sequence length of 8");
    Files.write(
        folder.resolve("latin1.jsonl"),
        "{\"text\": \"a\"}\n{\"text\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
    assertThatThrownBy(() ->
            Dataset.load(folder.resolve("latin1.jsonl"), tokenizer, null, DatasetOptions.of(8)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("line 2 is not UTF-8");
  }

  @Test
  void aChatWithoutAnswerIsRefused() {
    assertThatThrownBy(() ->
            load(
                "a.jsonl",
                "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}",
                DatasetOptions.of(64)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("none of its 1 rows has an answer")
        .hasMessageContaining("a.jsonl line 1");
  }

  private Dataset load(String name, String content, DatasetOptions options) {
    return Dataset.load(write(name, content), tokenizer, CHAT, options);
  }

  private void loadWithoutTemplate(String name, String content) {
    Dataset unused = Dataset.load(write(name, content), tokenizer, null, DatasetOptions.of(8));
  }

  private Path write(String name, String content) {
    try {
      return Files.writeString(folder.resolve(name), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static int[] targets(Sample sample) {
    return Arrays.stream(sample.labels()).filter(label -> label != Sample.IGNORE).toArray();
  }
}
