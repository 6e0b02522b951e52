package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Json;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.xml.sax.InputSource;
import tools.jackson.databind.node.ObjectNode;

class ExplainVerbTest {
  @TempDir Path folder = Path.of("");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "explain number 7.32 -20 --format bf16",
        "explain number -- -1e-45 nan -inf",
        "explain range -20 1000 --scheme uint8:asym:tensor --value -20 --value 1e6",
        "explain scheme fp4:group=64 --rows 8 --columns 64",
        "explain lora 3 3 --lora-r 1",
        "explain memory llama3_2_1b"
      })
  void everyTopicIsTextJsonAndAWellFormedPage(String command) throws Exception {
    List<String> words = List.of(command.split(" "));
    Path html = folder.resolve("page.html");
    CapturedConsole plain = new CapturedConsole();
    assertThat(plain.run(with(words, "--html=" + html))).as(plain.err()).isZero();
    assertThat(plain.out().lines().count()).isGreaterThan(8);
    assertThat(plain.err()).isEmpty();
    String page = Files.readString(html);
    assertThat(page).contains("<svg").doesNotContain("NaN\"");
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(page)));
    CapturedConsole json = new CapturedConsole();
    assertThat(json.run(with(words, "--json"))).isZero();
    assertThat(json.out().lines()).hasSize(1);
    ObjectNode answer = Json.parse(json.out(), "standard output");
    assertThat(answer).isNotEmpty();
  }

  /// Options go before a `--`.
  private static String[] with(List<String> words, String option) {
    List<String> all = new ArrayList<>(words);
    all.add(2, option);
    return all.toArray(String[]::new);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "explain | Say what to explain",
        "explain nummer 7 | unknown topic 'nummer'; did you mean number",
        "explain number | NUMBER",
        "explain number seven | 'seven' is not a number",
        "explain number 7 --fromat fp16 | '--fromat' is neither an option nor a number",
        "explain number 7 --format fp17 | fp17",
        "explain range -20 | MAX",
        "explain range -20 1000 --sheme uint8 | --sheme",
        "explain range -20 1000 --scheme int9:sym:tensor | did you mean int8:sym:tensor",
        "explain range 5 -5 | smaller number first",
        "explain scheme int4:asim:group=128 | at character 6, 'asim'",
        "explain scheme q4_k --columns 100 | no multiple",
        "explain scheme mxfp4 --rows 0 | 0 × 4096",
        "explain lora 4096 | COLUMNS",
        "explain lora 4096 x | 'x'",
        "explain lora 8 8 --lora-r 9 | choose 1 to 8",
        "explain memory llama2_7 | did you mean llama2_7b",
        "explain memory llama2_7b --lora-r 0 | 1 or more"
      })
  void badInputIsOneSentence(String command, String expected) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(command.split(" "))).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.out()).isEmpty();
    assertThat(captured.err()).startsWith("fettle explain").contains(expected);
    assertThat(captured.err().lines().filter(line -> !line.startsWith("Try: "))).hasSize(1);
  }

  @Test
  void aConfigurationThatIsNoModelIsNamed() throws IOException {
    Path config = folder.resolve("config.json");
    Files.writeString(config, "{\"model_type\": \"mamba\"}");
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run("explain", "memory", folder.toString())).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err()).contains("mamba").contains(config.toString());
  }

  @Test
  void aFolderIsReadLikeAKnownName() throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        "{\"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": 172,"
            + " \"num_hidden_layers\": 5, \"num_attention_heads\": 8, \"num_key_value_heads\": 4,"
            + " \"vocab_size\": 512, \"tie_word_embeddings\": true}");
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run("explain", "memory", folder.toString(), "--json")).isZero();
    assertThat(Json.parse(captured.out(), "out").get("parameters").asLong()).isEqualTo(260_032);
  }
}
