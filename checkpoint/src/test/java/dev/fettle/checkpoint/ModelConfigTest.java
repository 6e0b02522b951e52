package dev.fettle.checkpoint;

import static java.util.Objects.requireNonNull;
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
import org.junit.jupiter.params.provider.ValueSource;

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
    "tinyllama_1b_chat_v1.0,1100048384",
    "gemma_2b,2506172416",
    "gemma2_2b,2614341888",
    "gemma2_2b-jpn,2614341888",
    "gemma2_9b,9241705984",
    "gemma2_27b,27227128320",
    "gemma3_1b_it,999885952",
    "qwen3_0.6b,596049920",
    "qwen3_1.7b,1720574976",
    "phi-3_5,3821079552",
    "phi-4,3836021760"
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
    assertThat(rotary(config).scaling()).isEqualTo(new RopeScaling.Llama3(32, 1, 4, 8192));
    assertThat(config.eosTokenIds()).containsExactly(128001, 128008, 128009);
    assertThat(config.headDim()).isEqualTo(64);
    assertThat(config.tieWordEmbeddings()).isTrue();
    assertThat(config.torchDtype()).isEqualTo(DType.BF16);
  }

  /// transformers' Llama rotates whole heads even so; its Phi-3 does not.
  @ParameterizedTest
  @CsvSource({"llama,4", "qwen2,4", "phi3,2"})
  void partialRotaryFactorConcernsPhi3Alone(String family, int dims) {
    String json =
        MINIMAL
            .replace("llama", family)
            .formatted(", \"num_key_value_heads\": 2, \"partial_rotary_factor\": 0.5");
    assertThat(rotary(parse(json)).dims()).isEqualTo(dims);
  }

  /// As gemma-3-4b-it and 12b are published; the counts are those of transformers' text models.
  @ParameterizedTest
  @CsvSource({
    "2560, 10240, 34, '', 3880263168",
    "3840, 15360, 48, 'num_attention_heads', 11766034176"
  })
  void readsTheTextPartOfAModelThatSeesImages(
      int hidden, int inner, int layers, String heads, long parameters) {
    String more =
        heads.isEmpty() ? "" : ", \"num_attention_heads\": 16, \"num_key_value_heads\": 8";
    ModelConfig config =
        parse(
            """
            {"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"],
             "eos_token_id": [1, 106], "torch_dtype": "bfloat16", "vision_config": {},
             "text_config": {"model_type": "gemma3_text", "hidden_size": %d,
               "intermediate_size": %d, "num_hidden_layers": %d%s, "sliding_window": 1024,
               "rope_scaling": {"factor": 8.0, "rope_type": "linear"}}}
            """
                .formatted(hidden, inner, layers, more));
    assertThat(config.modelType()).isEqualTo("gemma3_text");
    assertThat(Architecture.of(config).parameterCount()).isEqualTo(parameters);
    assertThat(config.eosTokenIds()).containsExactly(1, 106);
    assertThat(config.torchDtype()).isEqualTo(DType.BF16);
    assertThat(config.layers().get(0).window()).isEqualTo(1024);
    assertThat(config.layers().get(5).window()).isNull();
    assertThat(requireNonNull(config.layers().get(5).rotary()).scaling())
        .isEqualTo(new RopeScaling.Linear(8));
  }

  @Test
  void takesTheDefaultsOfTransformers() {
    ModelConfig config = parse(MINIMAL.formatted(""));
    assertThat(config.numKeyValueHeads()).isEqualTo(2);
    assertThat(config.headDim()).isEqualTo(4);
    assertThat(config.rmsNormEps()).isEqualTo(1e-6);
    assertThat(rotary(config).theta()).isEqualTo(10_000);
    assertThat(rotary(config).scaling()).isNull();
    assertThat(config.tieWordEmbeddings()).isFalse();
    assertThat(config.biases().queryKeyValue()).isFalse();
    assertThat(config.maxPositionEmbeddings()).isEqualTo(2048);
    assertThat(config.torchDtype()).isEqualTo(DType.F32);
    assertThat(config.bosTokenId()).isEqualTo(1);
    assertThat(config.eosTokenIds()).containsExactly(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{'rope_type': 'linear', 'factor': 4}; 2048",
        "{'rope_type': 'dynamic', 'factor': 4}; 8192",
        "{'rope_type': 'yarn', 'factor': 4, 'original_max_position_embeddings': 1024}; 4096",
        "{'rope_type': 'yarn', 'factor': 4, 'original_max_position_embeddings': 256}; 2048"
      },
      quoteCharacter = '`')
  void theLongestTextIsWhatTheScalingReaches(String scaling, int longest) {
    String json = MINIMAL.formatted(", 'rope_scaling': " + scaling).replace('\'', '"');
    assertThat(parse(json).maxLength()).isEqualTo(longest);
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
    assertThat(rotary(config).theta()).isEqualTo(500_000);
    assertThat(rotary(config).scaling()).isEqualTo(new RopeScaling.Linear(2));
  }

  @ParameterizedTest
  @ValueSource(strings = {"longrope", "yarn", "su"})
  void phi3ScalesFromTheLengthBesideTheScaling(String name) {
    ModelConfig config =
        parse(
            MINIMAL
                .formatted(
                    """
                    , "max_position_embeddings": 131072, "rope_scaling":
                    {"type": "%s", "original_max_position_embeddings": 8192,
                     "short_factor": [1, 1], "long_factor": [2, 3]}\
                    """
                        .formatted(name))
                .replace("llama", "phi3"));
    RopeScaling.Longrope scaling = (RopeScaling.Longrope) requireNonNull(rotary(config).scaling());
    assertThat(scaling.originalMaxPositionEmbeddings()).isEqualTo(4096);
    assertThat(scaling.attentionFactor()).isEqualTo(Math.sqrt(1 + Math.log(32) / Math.log(4096)));
  }

  @Test
  void biasesFollowTheFamily() {
    ModelConfig llama = parse(MINIMAL.formatted(", \"attention_bias\": true"));
    assertThat(llama.biases()).isEqualTo(new Biases(true, true, false));
    ModelConfig qwen =
        parse(MINIMAL.formatted(", \"num_key_value_heads\": 2").replace("llama", "qwen2"));
    assertThat(qwen.biases()).isEqualTo(new Biases(true, false, false));
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
          , "model_type": "gpt2"|model_type 'gpt2' in config is not supported yet; supported: llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3_text, phi3, smollm3, granite
          , "hidden_size": null|'hidden_size'
          , "hidden_size": 7|not a multiple of num_attention_heads
          , "hidden_size": -8|must be positive
          , "vocab_size": "ten"|expected a whole number
          , "num_key_value_heads": 3|num_key_value_heads
          , "hidden_act": "relu"|'relu'
          , "rope_scaling": {"type": "mrope"}|'mrope'
          , "rope_scaling": {"rope_type": "linear"}|'factor'
          , "torch_dtype": "int3"|'int3' in config
          """)
  void refusesWhatItCannotCompute(String extra, String message) {
    assertThatThrownBy(() -> parse(MINIMAL.formatted(extra)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  private static Rotary rotary(ModelConfig config) {
    return requireNonNull(config.layers().getFirst().rotary());
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
