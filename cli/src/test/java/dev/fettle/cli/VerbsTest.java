package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fettle.checkpoint.Json;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.SamplingOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The verbs on the trained Llama stories260K, through the command line.
class VerbsTest {
  private static final Path SHARED = Path.of(System.getProperty("fettle.shared"));
  private static final Path MODEL = SHARED.resolve("assets/stories260K");
  private static final Path TEXT = SHARED.resolve("assets/text/tinyshakespeare.txt");

  @TempDir Path folder = Path.of("");

  @BeforeEach
  void needsTheModel() {
    assumeTrue(Files.isDirectory(MODEL), "no stories260K in " + SHARED);
  }

  @Test
  void greedyDecodingGivesTheTextOfTransformersWithAndWithoutCache() throws IOException {
    String expected = Files.readString(MODEL.resolve("greedy_200steps_expected.txt"));
    List<String> args =
        List.of(
            "generate",
            "--model",
            MODEL.toString(),
            "--max-new-tokens",
            "200",
            "--temperature",
            "0");
    assertThat(succeed(args).out()).isEqualTo(expected);
    assertThat(succeed(with(args, "--no-use-cache")).out()).isEqualTo(expected);
    ObjectNode json = json(args);
    assertThat(json.get("text").asString()).isEqualTo(expected);
    assertThat(json.get("new_tokens").asInt()).isEqualTo(200);
  }

  @Test
  void inspectCountsWhatLoraWouldTrain() {
    ObjectNode json = json(List.of("inspect", "--model", MODEL.toString(), "--lora-r", "8"));
    assertThat(json.get("parameters").asLong()).isEqualTo(260_032);
    // 5 layers × 8 × (64+64, 64+32, 64+32, 64+64 in the attention, 3 × (64+172) in the MLP)
    assertThat(json.get("lora").get("trainable_parameters").asLong())
        .isEqualTo(5 * 8 * (128 + 96 + 96 + 128 + 3 * 236));
  }

  @Test
  void theWholeLineFromQuantizeToMerge() {
    String quantized = folder.resolve("Q").toString();
    ObjectNode quantize =
        json(
            List.of(
                "quantize",
                "--model",
                MODEL.toString(),
                "--quant-type",
                "nf4",
                "--double-quant",
                "--output",
                quantized));
    assertThat(quantize.get("bits_per_weight").asDouble()).isBetween(4.0, 16.0);
    assertThat(quantize.get("tensors")).hasSize(35);
    for (String key :
        List.of("name", "shape", "scheme", "mse", "rmse", "max_abs_error", "sqnr_db")) {
      assertThat(quantize.get("tensors").get(0).has(key)).as(key).isTrue();
    }

    String adapter = folder.resolve("A").toString();
    List<String> finetune =
        List.of(
            "finetune",
            "--model",
            MODEL.toString(),
            "--data",
            TEXT.toString(),
            "--method",
            "lora",
            "--lora-r",
            "4",
            "--max-steps",
            "3",
            "--batch-size",
            "2",
            "--seq-length",
            "32",
            "--learning-rate",
            "1e-2",
            "--seed",
            "1",
            "--validation-split",
            "0.001",
            "--output",
            adapter);
    ObjectNode trained = json(finetune);
    assertThat(trained.get("losses")).hasSize(3);
    assertThat(trained.get("validation_losses")).isNotEmpty();
    assertThat(trained.get("tokens_per_second").asDouble()).isPositive();
    assertThat(trained.get("peak_resident_bytes").asLong()).isGreaterThan(10_000_000);
    assertThat(fail(finetune).err()).contains(adapter + " is not empty").contains("--resume");

    String merged = folder.resolve("M").toString();
    json(List.of("merge", "--model", MODEL.toString(), "--adapter", adapter, "--output", merged));
    ObjectNode compared =
        json(
            List.of(
                "evaluate",
                "--model",
                merged,
                "--model",
                MODEL.toString(),
                "--model",
                quantized,
                "--data",
                TEXT.toString(),
                "--seq-length",
                "64",
                "--max-tokens",
                "512"));
    assertThat(compared.get("models")).hasSize(3);
    assertThat(compared.get("tokens").asLong()).isEqualTo(512 / 64 * 63);
    JsonNode first = compared.get("models").get(0);
    assertThat(Math.exp(first.get("mean_loss").asDouble()))
        .isCloseTo(first.get("perplexity").asDouble(), within(1e-9));
  }

  @Test
  void aResumedRunEqualsAnUninterruptedOne() throws IOException {
    Path whole = folder.resolve("whole");
    Path parts = folder.resolve("parts");
    ObjectNode straight = json(training(whole, 6));
    json(training(parts, 4));
    ObjectNode resumed = json(with(training(parts, 6), "--resume"));
    assertThat(resumed.get("losses")).isEqualTo(straight.get("losses")).hasSize(6);
    assertThat(parts.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("adapter_model.safetensors"));
    List<String> changed = with(with(training(parts, 8), "--resume"), "--lora-dropout=0.1");
    assertThat(fail(changed).err()).contains("lora_dropout = 0.0, now it is 0.1");
  }

  private static List<String> training(Path output, int steps) {
    return List.of(
        "finetune",
        "--model",
        MODEL.toString(),
        "--data",
        TEXT.toString(),
        "--output",
        output.toString(),
        "--max-steps",
        Integer.toString(steps),
        "--save-steps",
        "2",
        "--batch-size",
        "2",
        "--seq-length",
        "32");
  }

  @Test
  void aConversationReadsOnlyWhatIsNew() {
    try (OpenModel open = OpenModel.open(MODEL, null, LoadOptions.defaults());
        ChatSession session = new ChatSession(open, null, SamplingOptions.greedy(), 8, null);
        ChatSession again = new ChatSession(open, null, SamplingOptions.greedy(), 8, null)) {
      String first = session.reply("Once upon a time", _ -> {}, () -> false);
      String second = session.reply(" Lily", _ -> {}, () -> false);
      again.reply("Once upon a time", _ -> {}, () -> false);
      again.close(); // forgets keys and values, keeps the messages
      assertThat(again.reply(" Lily", _ -> {}, () -> false)).isEqualTo(second);
      assertThat(session.messages()).hasSize(4);
      session.reset();
      assertThat(session.reply("Once upon a time", _ -> {}, () -> false)).isEqualTo(first);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "inspect --model NOWHERE | NOWHERE",
        "inspect --model MODEL --lora-r 33 | choose at most 32",
        "inspect --model MODEL --lora-r 8 --target-modules w_proj | w_proj",
        "quantize --model MODEL --output OUT | Say into which format: --scheme",
        "quantize --model MODEL --output OUT --scheme int4:asim:group=32 | asim",
        "quantize --model MODEL --output OUT --scheme q4_0 | GGUF",
        "quantize --model MODEL --output OUT --scheme int8:sym:channel --activations int4:sym:token | int8:sym:token",
        "quantize --model MODEL --output OUT --scheme int8:sym:channel --nan-policy skip | refuse or zero",
        "quantize --model MODEL --output OUT --quant-type int3 | int3",
        "quantize --model MODEL --output OUT --load-in-8bit --double-quant | --double-quant",
        "quantize --model MODEL --output OUT --quant-type nf4 --block-size 48 | 48",
        "generate --model MODEL --temperature -1 | temperature",
        "generate --model MODEL --max-new-tokens 0 | --max-new-tokens",
        "evaluate --model MODEL --data NOWHERE | NOWHERE",
        "evaluate --model MODEL --data TEXT --seq-length 4096 | 512",
        "finetune --model MODEL --data TEXT --output OUT --method lore | lore",
        "finetune --model MODEL --data TEXT --output OUT --lora-r 0 | 1 or more",
        "finetune --model MODEL --data TEXT --output OUT --lora-r 500 --max-steps 1 | 500",
        "finetune --model MODEL --data TEXT --output OUT --target-modules w_proj --max-steps 1 | w_proj",
        "finetune --model MODEL --data TEXT --output OUT --rank-pattern q_proj | expected NAME=NUMBER",
        "finetune --model MODEL --data TEXT --output OUT --alpha-pattern q_proj=x | has 'q_proj=x'; expected NAME=NUMBER",
        "finetune --model MODEL --data TEXT --output OUT --bias some | expected none, all, lora_only",
        "finetune --model MODEL --data TEXT --output OUT --init-lora-weights pissa | expected true, false or gaussian",
        "finetune --model MODEL --data TEXT --output OUT --modules-to-save router | names 'router'",
        "finetune --model MODEL --data TEXT --output OUT --trainable-token-indices 512 | token ids are 0 to 511",
        "finetune --model MODEL --data TEXT --output OUT --use-dora --lora-bias | lora_bias does not go with use_dora",
        "finetune --model MODEL --data NOWHERE --output OUT | NOWHERE",
        "finetune --model MODEL --data TEXT --output OUT --resume --max-steps 1 | resume",
        "merge --model MODEL --adapter MODEL --output OUT | adapter"
      })
  void badInputIsOneSentenceAndLeavesNothing(String command, String expected) throws IOException {
    Path out = folder.resolve("out");
    List<String> args =
        Arrays.stream(command.strip().split(" "))
            .map(word ->
                switch (word) {
                  case "MODEL" -> MODEL.toString();
                  case "TEXT" -> TEXT.toString();
                  case "OUT" -> out.toString();
                  case "NOWHERE" -> folder.resolve("NOWHERE").toString();
                  default -> word;
                })
            .toList();
    CapturedConsole captured = fail(args);
    assertThat(captured.out()).isEmpty();
    assertThat(captured.err()).startsWith("fettle " + args.getFirst() + ": ").contains(expected);
    assertThat(captured.err().lines().filter(line -> !line.startsWith("Try: "))).hasSize(1);
    assertThat(captured.err()).doesNotContain("\tat ").doesNotContain("Exception");
    try (Stream<Path> left = Files.list(folder)) {
      assertThat(left).isEmpty();
    }
  }

  @Test
  void aMalformedLineIsNamed() throws IOException {
    Path data = folder.resolve("pairs.jsonl");
    Files.writeString(data, "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": }\n");
    CapturedConsole captured =
        fail(
            List.of(
                "finetune",
                "--model",
                MODEL.toString(),
                "--data",
                data.toString(),
                "--output",
                folder.resolve("out").toString()));
    assertThat(captured.err()).contains("pairs.jsonl").containsPattern("line 2|:2");
    assertThat(folder.resolve("out")).doesNotExist();
  }

  private static CapturedConsole succeed(List<String> args) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(args.toArray(String[]::new))).as(captured.err()).isZero();
    return captured;
  }

  private static CapturedConsole fail(List<String> args) {
    CapturedConsole captured = new CapturedConsole();
    assertThat(captured.run(args.toArray(String[]::new))).isEqualTo(Cli.BAD_INPUT);
    return captured;
  }

  /// The result under `--json`, which must be the only line of standard output.
  private static ObjectNode json(List<String> args) {
    CapturedConsole captured = succeed(with(args, "--json"));
    assertThat(captured.out().lines()).hasSize(1);
    return Json.parse(captured.out(), "standard output");
  }

  private static List<String> with(List<String> args, String more) {
    List<String> all = new ArrayList<>(args);
    all.add(more);
    return all;
  }
}
