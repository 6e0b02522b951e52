package dev.fettle.quantize.explain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.quantize.CheckpointInspection;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Counts of parameters and bytes.
class CostsTest {
  private static final Path CONFIGS =
      Path.of(System.getProperty("fettle.shared")).resolve("assets/model-configs");

  /// The counts that the models' publishers and the hub state.
  @ParameterizedTest
  @CsvSource({
    "llama2_7b, 6738415616",
    "llama2_13b, 13015864320",
    "llama2_70b, 68976648192",
    "llama3_1_8b, 8030261248",
    "llama3_1_70b, 70553706496",
    "llama3_2_1b, 1235814400",
    "llama3_2_3b, 3212749824",
    "tinyllama_1_1b, 1100048384",
    "smollm2_135m, 134515008",
    "smollm2_360m, 361821120",
    "mistral_7b, 7241732096",
    "mistral_7b_v03, 7248023552",
    "phi3_5_mini, 3821079552",
    "qwen2_5_0_5b, 494032768",
    "qwen2_5_1_5b, 1543714304",
    "qwen2_5_3b, 3085938688",
    "qwen2_5_7b, 7615616512",
    "qwen3_0_6b, 596049920",
    "qwen3_1_7b, 1720574976",
    "gemma_2b, 2506172416",
    "gemma2_2b, 2614341888",
    "gemma2_9b, 9241705984",
    "gemma3_1b, 999885952"
  })
  void aKnownModelHasItsPublishedNumberOfParameters(String name, long parameters) {
    assertThat(KnownShapes.find(name).orElseThrow().parameters()).isEqualTo(parameters);
  }

  /// The same shapes as in the configurations the models come with.
  @ParameterizedTest
  @CsvSource({
    "llama2_7b, llama2_7b",
    "llama3_1_8b, llama3_1_8b",
    "llama3_1_70b, llama3_1_70b",
    "llama3_2_1b, llama3_2_1b",
    "llama3_2_3b, llama3_2_3b",
    "tinyllama_1_1b, tinyllama_1b_chat_v1.0",
    "smollm2_135m, smollm2_135m",
    "smollm2_360m, smollm2_360m",
    "mistral_7b, mistral_7b",
    "mistral_7b_v03, mistral_7b_v03",
    "phi3_5_mini, phi-3_5",
    "qwen2_5_0_5b, qwen2_0_5b",
    "qwen2_5_1_5b, qwen2_1_5b",
    "qwen2_5_3b, qwen2.5_3b",
    "qwen2_5_7b, qwen2_7b",
    "qwen3_0_6b, qwen3_0.6b",
    "qwen3_1_7b, qwen3_1.7b",
    "gemma_2b, gemma_2b",
    "gemma2_2b, gemma2_2b",
    "gemma2_9b, gemma2_9b",
    "gemma3_1b, gemma3_1b_it"
  })
  void aKnownShapeIsThatOfItsConfiguration(String name, String file) {
    Path config = CONFIGS.resolve(file + ".config.json");
    assumeTrue(Files.exists(config), "no " + config);
    assertThat(DecoderShape.parse(name, Json.read(config), file))
        .isEqualTo(KnownShapes.find(name).orElseThrow());
  }

  @ParameterizedTest
  @CsvSource({
    "llama2_7b",
    "mistral_7b",
    "qwen2_1_5b",
    "llama3_2_1b",
    "phi-3_5",
    "gemma2_2b",
    "gemma3_1b_it",
    "qwen3_0.6b"
  })
  void theCountsAreThoseOfTheArchitecture(String file) {
    Path path = CONFIGS.resolve(file + ".config.json");
    assumeTrue(Files.exists(path), "no " + path);
    ObjectNode config = Json.read(path);
    Architecture architecture = Architecture.of(ModelConfig.parse(config, file));
    DecoderShape shape = DecoderShape.parse(file, config, file);
    assertThat(shape.parameters()).isEqualTo(architecture.parameterCount());
    assertThat(shape.linearWeights())
        .isEqualTo(
            architecture.linears().stream().mapToLong(l -> l.weightShape().elements()).sum());
    assertThat(shape.linearRows())
        .isEqualTo(architecture.linears().stream().mapToLong(l -> l.outFeatures()).sum());
    assertThat(16 * shape.linearInAndOut())
        .isEqualTo(CheckpointInspection.loraParameters(architecture.linears(), 16));
  }

  /// The example of the notes: 28 GB in float32 become 7 GB in int8 for seven billion parameters.
  @Test
  void sevenBillionParametersShrinkFrom28To7Gigabytes() {
    Explanation explanation = MemoryExplanation.of(KnownShapes.find("llama2_7b").orElseThrow(), 8);
    assertThat(explanation.parts().toString())
        .contains(
            "7 billion parameters × 4 bytes = 28 GB in fp32, × 2 bytes = 14 GB in fp16, × 1 byte = 7 GB in int8, × 1/2 byte = 3.5 GB in 4 bits");
    JsonNode weights = explanation.json().get("weights");
    assertThat(weights.get(0).get("bytes_every_parameter").asLong()).isEqualTo(4 * 6_738_415_616L);
    assertThat(weights.get(2).get("bytes_every_parameter").asLong()).isEqualTo(6_738_415_616L);
    // 6,476,005,376 linear weights with a float32 scale for each of their 1,359,872 rows
    assertThat(weights.get(2).get("bytes_stored").asLong())
        .isEqualTo(6_476_005_376L + 4 * 1_359_872L + 2 * (6_738_415_616L - 6_476_005_376L));
    // QLoRA, section 3: 0.5 bits for the scales of NF4, 0.127 with double quantization
    assertThat(bitsOfTheLinears(weights.get(4))).isCloseTo(4.5, within(1e-6));
    assertThat(bitsOfTheLinears(weights.get(5))).isCloseTo(4.127, within(1e-3));
    JsonNode training = explanation.json().get("training");
    assertThat(training.get(0).get("bytes").asLong()).isEqualTo(18 * 6_738_415_616L);
    assertThat(training.get(2).get("trained").asLong()).isEqualTo(19_988_480);
  }

  private static double bitsOfTheLinears(JsonNode format) {
    long rest = 2 * (6_738_415_616L - 6_476_005_376L);
    return 8.0 * (format.get("bytes_stored").asLong() - rest) / 6_476_005_376L;
  }

  @Test
  void loraOf4096By4096() {
    Explanation explanation = LoraExplanation.of(4096, 4096, 8);
    assertThat(explanation.json().get("delta_w").asLong()).isEqualTo(16_777_216);
    assertThat(explanation.json().get("trainable").asLong()).isEqualTo(65_536);
    assertThat(explanation.json().get("percent").asDouble()).isEqualTo(0.390625);
    assertThat(explanation.parts().toString())
        .contains("( 4  5  6)", "( 8 10 12)", "(12 15 18)", "=  6,  instead of 9")
        .contains("Below rank 2048");
  }

  @Test
  void whatDoesNotFitIsOneSentence() {
    assertThatThrownBy(() -> LoraExplanation.of(4, 8, 5))
        .isInstanceOf(UserException.class)
        .hasMessage("--lora-r 5 does not fit a 4 × 8 weight; choose 1 to 4.");
    assertThatThrownBy(() -> LoraExplanation.of(0, 8, 1)).isInstanceOf(UserException.class);
    assertThatThrownBy(() -> DecoderShape.parse("x", Json.object().put("model_type", "mamba"), "f"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("mamba");
    assertThatThrownBy(() -> DecoderShape.parse("x", Json.object().put("model_type", "llama"), "f"))
        .isInstanceOf(UserException.class)
        .hasMessage("Key 'hidden_size' (a whole number) is missing in f.");
  }
}
