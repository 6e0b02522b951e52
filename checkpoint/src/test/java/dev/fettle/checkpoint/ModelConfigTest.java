package dev.fettle.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelConfigTest {
  private static final String MINIMAL =
      """
      {"model_type": "llama", "hidden_size": 8, "intermediate_size": 16,
       "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 10%s}
      """;

  /// Parameter counts as transformers counts them for the published checkpoints.
  @ParameterizedTest
  @CsvSource({
    "llama2_7b,6738415616",
    "llama3_1_8b,8030261248",
    "llama3_1_70b,70553706496",
    "llama3_2_1b,1235814400",
    "llama3_2_3b,3212749824",
    "mistral_7b,7241732096",
    "mistral_7b_v03,7248023552",
    "qwen2.5_3b,3085938688",
    "qwen2_0_5b,494032768",
    "qwen2_1_5b,1543714304",
    "qwen2_7b,7615616512",
    "smollm2_135m,134515008",
    "smollm2_360m,361821120",
    "smollm_135m,134515008",
    "smollm_360m,361821120",
    "smollm_1_7b,1711376384",
    "tinyllama_1b_chat_v0.4,1100060672",
    "tinyllama_1b_chat_v1.0,1100048384"
  })
  void readsRealConfigurations(String name, long parameters) {
    Path file = shared("assets/model-configs/" + name + ".config.json");
    ModelConfig config = ModelConfig.parse(Json.read(file), file.toString());
    assertThat(Architecture.of(config).parameterCount()).isEqualTo(parameters);
    assertThat(ModelConfig.parse(config.toJson(), "copy")).isEqualTo(config);
  }

  @Test
  void readsLlama3Scaling() {
    Path file = shared("assets/model-configs/llama3_2_1b.config.json");
    ModelConfig config = ModelConfig.parse(Json.read(file), file.toString());
    assertThat(config.ropeScaling()).isEqualTo(new RopeScaling.Llama3(32, 1, 4, 8192));
    assertThat(config.eosTokenIds()).containsExactly(128001, 128008, 128009);
    assertThat(config.headDim()).isEqualTo(64);
    assertThat(config.tieWordEmbeddings()).isTrue();
    assertThat(config.torchDtype()).isEqualTo(DType.BF16);
  }

  @Test
  void takesTheDefaultsOfTransformers() {
    ModelConfig config = parse(MINIMAL.formatted(""));
    assertThat(config.numKeyValueHeads()).isEqualTo(2);
    assertThat(config.headDim()).isEqualTo(4);
    assertThat(config.rmsNormEps()).isEqualTo(1e-6);
    assertThat(config.ropeTheta()).isEqualTo(10_000);
    assertThat(config.ropeScaling()).isNull();
    assertThat(config.tieWordEmbeddings()).isFalse();
    assertThat(config.attentionBias()).isFalse();
    assertThat(config.maxPositionEmbeddings()).isEqualTo(2048);
    assertThat(config.torchDtype()).isEqualTo(DType.F32);
    assertThat(config.eosTokenIds()).isEmpty();
  }

  @Test
  void readsTheKeysOfTransformers5() {
    ModelConfig config =
        parse(
            MINIMAL.formatted(
                """
                , "dtype": "bfloat16", "rope_parameters":
                {"rope_theta": 500000, "rope_type": "linear", "factor": 2}\
                """));
    assertThat(config.torchDtype()).isEqualTo(DType.BF16);
    assertThat(config.ropeTheta()).isEqualTo(500_000);
    assertThat(config.ropeScaling()).isEqualTo(new RopeScaling.Linear(2));
  }

  @Test
  void biasesFollowTheFamily() {
    ModelConfig llama = parse(MINIMAL.formatted(", \"attention_bias\": true"));
    assertThat(llama.attentionBias()).isTrue();
    assertThat(llama.outputBias()).isTrue();
    ModelConfig qwen =
        parse(MINIMAL.formatted(", \"num_key_value_heads\": 2").replace("llama", "qwen2"));
    assertThat(qwen.attentionBias()).isTrue();
    assertThat(qwen.outputBias()).isFalse();
    assertThat(Architecture.of(qwen).tensors())
        .extracting(TensorInfo::name)
        .contains("model.layers.0.self_attn.q_proj.bias")
        .doesNotContain("model.layers.0.self_attn.o_proj.bias");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          , "model_type": "gemma2"|model_type 'gemma2' in config is not supported yet; supported: llama, mistral, qwen2
          , "hidden_size": null|'hidden_size'
          , "hidden_size": 7|not a multiple of num_attention_heads
          , "hidden_size": -8|must be positive
          , "vocab_size": "ten"|expected a whole number
          , "num_key_value_heads": 3|num_key_value_heads
          , "hidden_act": "gelu"|'gelu'
          , "rope_scaling": {"type": "yarn"}|'yarn'
          , "rope_scaling": {"rope_type": "linear"}|'factor'
          , "torch_dtype": "int3"|'int3' in config
          """)
  void refusesWhatItCannotCompute(String extra, String message) {
    assertThatThrownBy(() -> parse(MINIMAL.formatted(extra)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  private static ModelConfig parse(String json) {
    return ModelConfig.parse(Json.parse(json, "config"), "config");
  }

  private static Path shared(String path) {
    Path file = Path.of(System.getProperty("fettle.shared", "absent"), path);
    Assumptions.assumeTrue(Files.exists(file), () -> file + " is absent");
    return file;
  }
}
