package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import tools.jackson.databind.node.ObjectNode;

/// Options from a YAML file, and the file that a run leaves.
class ConfigFileTest {
  private static final Path SHARED = Path.of(System.getProperty("fettle.shared"));
  private static final Path MODEL = SHARED.resolve("assets/stories260K");
  private static final Path TEXT = SHARED.resolve("assets/text/tinyshakespeare.txt");

  @TempDir Path folder = Path.of("");

  @Test
  void keysAreLongOptionNamesAndTheCommandLineWins() throws IOException {
    Path file = write("lora_r: 4\nhtml: " + folder.resolve("page.html") + "\n");
    ObjectNode fromFile = json("explain", "lora", "64", "32", "--config", file.toString());
    assertThat(fromFile.get("lora_r").asInt()).isEqualTo(4);
    assertThat(folder.resolve("page.html")).exists();
    ObjectNode both = json("explain", "lora", "64", "32", "--lora-r=2", "--config=" + file);
    assertThat(both.get("lora_r").asInt()).isEqualTo(2);
  }

  @Test
  void listsAreRepeatedOptionsAndAreReplacedAsAWhole() throws IOException {
    Path file = write("scheme: uint8:asym:tensor\nvalue:\n  - -20\n  - 1e3\n");
    ObjectNode fromFile = json("explain", "range", "-20", "1000", "--config", file.toString());
    assertThat(fromFile.get("values")).hasSize(2);
    assertThat(fromFile.get("values").get(1).get("q").asInt()).isEqualTo(255);
    ObjectNode both =
        json("explain", "range", "-20", "1000", "--value", "0", "--config", file.toString());
    assertThat(both.get("values")).hasSize(1);
  }

  @Test
  void flagsAreTrueOrFalse() throws IOException {
    assertThat(
            arguments(
                "finetune", "use-rslora: true\ngradient-checkpointing: false\nno-shuffle: false\n"))
        .containsExactly(
            "finetune", "--use-rslora", "--no-gradient-checkpointing", "--config", "run.yaml");
    assertThat(
            arguments("finetune", "gradient_checkpointing: true\n", "--no-gradient-checkpointing"))
        .containsExactly("finetune", "--config", "run.yaml", "--no-gradient-checkpointing");
    assertThat(arguments("evaluate", "model: [a, b c]\n"))
        .containsExactly("evaluate", "--model=a", "--model=b c", "--config", "run.yaml");
    assertThat(arguments("evaluate", "")).containsExactly("evaluate", "--config", "run.yaml");
  }

  private List<String> arguments(String verb, String yaml, String... more) throws IOException {
    Path file = write(yaml);
    String[] args = new String[3 + more.length];
    args[0] = verb;
    args[1] = "--config";
    args[2] = file.toString();
    System.arraycopy(more, 0, args, 3, more.length);
    CommandLine line = Cli.commandLine(new CapturedConsole().console());
    return ConfigArguments.of(line, args).arguments().stream()
        .map(word -> word.replace(file.toString(), "run.yaml"))
        .toList();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "lora-rank: 8 | line 1: 'lora-rank' is no option of fettle finetune; the nearest is 'lora-r'",
        "a: 1 | line 1: 'a' is no option",
        "lora-r: 8\\nlearning-rat: 1 | line 2: 'learning-rat' is no option of fettle finetune; the nearest is 'learning-rate'",
        "config: other.yaml | 'config' is no option",
        "lora-r: [8, 9] | line 1: 'lora-r' takes one value, not a list",
        "lora-r: {a: 1} | Key 'lora-r': FILE line 1: expected a value",
        "lora-r: | Key 'lora-r': FILE line 1: expected a value",
        "use-rslora: yes | line 1: 'use-rslora' is true or false, not 'yes'",
        "\\nlora-r: x | line 2)",
        "lora-r: 8\\nlora-r: 9 | Key 'lora-r' stands twice in FILE, again at line 2",
        "- lora-r | expected one option per line",
        "lora-r: 'x | is not YAML at line"
      })
  void aMistakeInTheFileIsOneSentenceWithItsLine(String yaml, String expected) throws IOException {
    Path file = write(yaml.replace("\\n", "\n"));
    CapturedConsole captured = new CapturedConsole();
    assertThat(
            captured.run(
                "finetune",
                "--config",
                file.toString(),
                "--model",
                "m",
                "--data",
                "d",
                "--output",
                "o"))
        .isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err())
        .startsWith("fettle finetune: ")
        .contains(expected.replace("FILE", file.toString()))
        .contains(file.toString());
    assertThat(captured.err().lines().filter(line -> !line.startsWith("Try: "))).hasSize(1);
  }

  @Test
  void aMissingFileIsNamed() {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run("inspect", "--config", "nowhere.yaml")).isEqualTo(Cli.BAD_INPUT);
    assertThat(captured.err())
        .isEqualTo("fettle inspect: Configuration nowhere.yaml does not exist.\n");
  }

  /// What the run file writes is what the reader reads.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "8",
        "1e-3",
        "true",
        "no",
        "int4:asym:group=128",
        "a b",
        "- x",
        "",
        "12:30",
        "0x10",
        "007",
        "x: y",
        "#",
        "~",
        "\"q\"",
        "it's",
        "umläut",
        "*",
        "[a]",
        "--x",
        "a,b",
        "null",
        "{",
        "-20"
      })
  void aValueSurvivesTheFile(String value) throws IOException {
    Path file =
        write("key: " + RunFile.scalar(value) + "\nlist:\n  - " + RunFile.scalar(value) + "\n");
    ConfigFile read = ConfigFile.read(file);
    assertThat(read.entries().values())
        .allSatisfy(entry -> assertThat(entry.values()).containsExactly(value));
  }

  @Test
  void whatIsNoYamlIsNoConfiguration() throws IOException {
    assertThatThrownBy(() -> ConfigFile.read(write("a: 1\n---\nb: 2\n")))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("expected one document");
  }

  @Test
  void aRunIsRepeatedByTheFileItLeaves() throws IOException {
    assumeTrue(Files.isDirectory(MODEL), "no stories260K in " + SHARED);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    ok(
        "quantize",
        "--model",
        MODEL.toString(),
        "--scheme",
        "nf4:group=32:double",
        "--skip-modules",
        "down_proj,k_proj",
        "--output",
        first.toString());
    String text = Files.readString(first.resolve(RunFile.NAME));
    assertThat(text)
        .contains("scheme: nf4:group=32:double\n")
        .contains("skip-modules:\n")
        .doesNotContain("output:");
    ok(
        "quantize",
        "--config",
        first.resolve(RunFile.NAME).toString(),
        "--output",
        second.toString());
    assertThat(second.resolve("model.safetensors"))
        .hasSameBinaryContentAs(first.resolve("model.safetensors"));
    assertThat(Files.readString(second.resolve(RunFile.NAME))).isEqualTo(text);
    ok("inspect", "--model", first.toString());
  }

  @Test
  void aTrainingIsRepeatedAndResumedWithItsFile() throws IOException {
    assumeTrue(Files.isDirectory(MODEL), "no stories260K in " + SHARED);
    Path first = folder.resolve("first");
    Path second = folder.resolve("second");
    ok(
        "finetune",
        "--model",
        MODEL.toString(),
        "--data",
        TEXT.toString(),
        "--output",
        first.toString(),
        "--max-steps",
        "2",
        "--save-steps",
        "1",
        "--batch-size",
        "1",
        "--seq-length",
        "16",
        "--use-rslora",
        "--no-gradient-checkpointing");
    String file = first.resolve(RunFile.NAME).toString();
    assertThat(Files.readString(Path.of(file)))
        .contains("use-rslora: true\n")
        .contains("gradient-checkpointing: false\n");
    ok("finetune", "--config", file, "--output", second.toString(), "--max-steps", "1");
    ok("finetune", "--config", file, "--output", second.toString(), "--resume");
    assertThat(second.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(first.resolve("adapter_model.safetensors"));
  }

  private static void ok(String... args) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(args)).as(captured.err()).isZero();
  }

  private static ObjectNode json(String... args) {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = "--json";
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(all)).as(captured.err()).isZero();
    return Json.parse(captured.out(), "standard output");
  }

  private Path write(String yaml) throws IOException {
    return Files.writeString(folder.resolve("run.yaml"), yaml);
  }
}
