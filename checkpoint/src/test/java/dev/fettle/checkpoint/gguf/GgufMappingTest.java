package dev.fettle.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a model of Hugging Face is called and how it is laid out in GGUF, and the way back.
class GgufMappingTest {
  private static final String LLAMA3 =
      "{'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, 'original_max_position_embeddings': 8192, 'rope_type': 'llama3'}";

  private static ModelConfig config(String modelType, int headDim, String ropeScaling) {
    return ModelConfig.parse(
        Json.parse(
            """
            {'model_type': '%1$s', 'hidden_size': 64, 'intermediate_size': 96, 'num_hidden_layers': 2,
             'num_attention_heads': 4, 'num_key_value_heads': 2, 'head_dim': %2$d, 'vocab_size': 100,
             'query_pre_attn_scalar': %2$d,
             'max_position_embeddings': 4096, 'rms_norm_eps': 1e-5, 'rope_theta': 500000.0,
             'rope_scaling': %3$s, 'sliding_window': null, 'bos_token_id': 1, 'eos_token_id': 2}
            """
                .formatted(modelType, headDim, ropeScaling)
                .replace('\'', '"'),
            "test"),
        "test");
  }

  /// The tensors of a file with this configuration.
  private static GgufConfig.Tensors tensors(ModelConfig config) {
    return new GgufConfig.Tensors(
        config.vocabSize(),
        GgufConfig.ropeFactors(config, "test"),
        config.tieWordEmbeddings(),
        config.biases(),
        config.torchDtype());
  }

  private static GgufMetadata file(ModelConfig config) {
    GgufMetadata metadata = new GgufMetadata("test.gguf");
    metadata.put(GgufConfig.ARCHITECTURE, GgufFamily.of(config).architecture());
    metadata.putAll(GgufConfig.toMetadata(config, "test"));
    metadata.put("tokenizer.ggml.bos_token_id", GgufValue.u32(1));
    metadata.put("tokenizer.ggml.eos_token_id", GgufValue.u32(2));
    return metadata;
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      textBlock =
          """
          llama | 16 | null
          llama | 24 | {'rope_type': 'linear', 'factor': 2.5}
          llama | 64 | {'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, 'original_max_position_embeddings': 8192, 'rope_type': 'llama3'}
          llama | 16 | {'factor': 3.0, 'low_freq_factor': 2.0, 'high_freq_factor': 3.0, 'original_max_position_embeddings': 777, 'rope_type': 'llama3'}
          llama | 16 | {'rope_type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 1024}
          qwen2 | 16 | {'rope_type': 'yarn', 'factor': 4.0, 'attention_factor': 1.25, 'original_max_position_embeddings': 1024}
          llama | 8 | {'rope_type': 'longrope', 'short_factor': [1.0, 1.5, 2.0, 2.5], 'long_factor': [1.0, 3.0, 5.0, 7.5], 'original_max_position_embeddings': 1024}
          qwen2 | 16 | null
          qwen3 | 32 | null
          gemma | 32 | null
          gemma2 | 32 | null
          gemma3_text | 32 | {'rope_type': 'linear', 'factor': 8.0}
          phi3 | 16 | {'rope_type': 'longrope', 'short_factor': [1.0, 1.0, 1.0, 1.0, 1.5, 2.0, 2.0, 2.5], 'long_factor': [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 5.0, 7.5], 'original_max_position_embeddings': 1024}
          smollm3 | 16 | null
          granite | 16 | null
          """)
  void aConfigurationComesBack(String modelType, int headDim, String scaling) {
    ModelConfig config = config(modelType, headDim, scaling);
    assertThat(GgufConfig.fromMetadata(file(config), tensors(config))).isEqualTo(config);
  }

  @Test
  void mistralIsLlamaWithTheWindowNoted() {
    ModelConfig config = config("mistral", 16, "null");
    assertThat(GgufConfig.fromMetadata(file(config), tensors(config)).modelType())
        .as("without a window there is no difference")
        .isEqualTo("llama");
    ModelConfig windowed = ModelConfig.parse(config.toJson().put("sliding_window", 1024), "test");
    assertThat(windowed.layers().getFirst().window()).isEqualTo(1024);
    GgufMetadata metadata = file(windowed);
    assertThat(metadata.requiredText(GgufConfig.ARCHITECTURE)).isEqualTo("llama");
    assertThat(metadata.whole("llama.context_length"))
        .as("llama.cpp computes the same inside the window")
        .isEqualTo(1024);
    ModelConfig back = GgufConfig.fromMetadata(metadata, tensors(windowed));
    assertThat(back.modelType()).isEqualTo("mistral");
    assertThat(back.layers().getFirst().window()).isEqualTo(1024);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama",
        "mistral",
        "qwen2",
        "qwen3",
        "gemma",
        "gemma2",
        "gemma3_text",
        "phi3",
        "smollm3",
        "granite"
      })
  void everyTensorOfTheArchitectureHasANameBothWays(String modelType) {
    ModelConfig config = config(modelType, 16, "null");
    GgufFamily family = GgufFamily.of(config);
    for (TensorInfo tensor : Architecture.of(config).tensors()) {
      String name = Objects.requireNonNull(family.toGguf(tensor.name()), tensor.name());
      assertThat(family.toHuggingFace(name)).isEqualTo(tensor.name());
    }
  }

  /// The names as `gguf.TensorNameMap` of gguf-py 0.19.0 gives them for llama and qwen2.
  @ParameterizedTest
  @CsvSource({
    "model.embed_tokens.weight, token_embd.weight",
    "model.norm.weight, output_norm.weight",
    "lm_head.weight, output.weight",
    "model.layers.0.input_layernorm.weight, blk.0.attn_norm.weight",
    "model.layers.11.self_attn.q_proj.bias, blk.11.attn_q.bias",
    "model.layers.1.self_attn.k_proj.weight, blk.1.attn_k.weight",
    "model.layers.1.self_attn.v_proj.weight, blk.1.attn_v.weight",
    "model.layers.1.self_attn.o_proj.weight, blk.1.attn_output.weight",
    "model.layers.1.post_attention_layernorm.weight, blk.1.ffn_norm.weight",
    "model.layers.1.mlp.gate_proj.weight, blk.1.ffn_gate.weight",
    "model.layers.1.mlp.up_proj.weight, blk.1.ffn_up.weight",
    "model.layers.1.mlp.down_proj.weight, blk.1.ffn_down.weight"
  })
  void namesAreThoseOfGgufPy(String huggingFace, String gguf) {
    assertThat(GgufFamily.LLAMA.toGguf(huggingFace)).isEqualTo(gguf);
    assertThat(GgufFamily.LLAMA.toHuggingFace(gguf)).isEqualTo(huggingFace);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model.layers.0.self_attn.qkv_proj.weight",
        "model.layers.00.mlp.up_proj.weight",
        "lm_head.bias",
        "blk.0.attn_q.weight"
      })
  void otherNamesHaveNone(String name) {
    assertThat(GgufFamily.LLAMA.toGguf(name)).isNull();
  }

  @Test
  void rowsOfQueriesAndKeysAreInterleaved() {
    ModelConfig config = config("llama", 4, "null");
    RowPermutation permutation =
        Objects.requireNonNull(
            GgufFamily.LLAMA.permutation("model.layers.0.self_attn.k_proj.weight", config));
    byte[] rows = {0, 1, 2, 3, 4, 5, 6, 7};
    byte[] interleaved = new byte[8];
    permutation.toGguf(MemorySegment.ofArray(rows), MemorySegment.ofArray(interleaved));
    assertThat(interleaved).containsExactly(0, 2, 1, 3, 4, 6, 5, 7);
    byte[] back = new byte[8];
    permutation.toHuggingFace(MemorySegment.ofArray(interleaved), MemorySegment.ofArray(back));
    assertThat(back).isEqualTo(rows);
    assertThat(GgufFamily.LLAMA.permutation("model.layers.0.self_attn.v_proj.weight", config))
        .isNull();
    assertThat(GgufFamily.QWEN2.permutation("model.layers.0.self_attn.q_proj.weight", config))
        .isNull();
  }

  /// Of a file that llama.cpp's converter made, where only the divisors are known.
  @Test
  void llama3ScalingIsRecoveredFromItsDivisors() {
    RopeScaling.Llama3 usual = new RopeScaling.Llama3(32, 1, 4, 8192);
    assertThat(RopeFactors.recover(RopeFactors.of(usual, 5e5, 64), null, 5e5, 64, 9, "test"))
        .isEqualTo(usual);
    RopeScaling.Llama3 other = new RopeScaling.Llama3(4, 2, 10, 6000);
    RopeScaling.Llama3 recovered =
        (RopeScaling.Llama3)
            Objects.requireNonNull(
                RopeFactors.recover(RopeFactors.of(other, 1e4, 128), null, 1e4, 128, 9, "test"));
    assertThat(recovered.originalMaxPositionEmbeddings()).isEqualTo(3000);
    assertThat(recovered.highFreqFactor()).isCloseTo(5, within(1e-4));
    float[] ones = {1, 1, 1, 1};
    assertThat(RopeFactors.recover(ones, null, 1e4, 8, 9, "test")).isNull();
    float[] others = {1, 3, 2, 9};
    assertThat(RopeFactors.recover(others, null, 1e4, 8, 512, "test"))
        .as("any other divisors, for texts of every length")
        .isEqualTo(
            new RopeScaling.Longrope(
                List.of(1.0, 3.0, 2.0, 9.0), List.of(1.0, 3.0, 2.0, 9.0), 1, 512));
    float[] zero = {1, 1, 0, 1};
    assertThatThrownBy(() -> RopeFactors.recover(zero, null, 1e4, 8, 512, "test"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("by 0.0");
    assertThatThrownBy(() -> RopeFactors.recover(ones, null, 1e4, 16, 9, "test"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("has 4 numbers");
  }

  @Test
  void whatIsNotSupportedIsNamed() {
    ModelConfig config = config("llama", 64, LLAMA3);
    List<Runnable> wrong =
        List.of(
            () -> read(file(config).put(GgufConfig.ARCHITECTURE, "mamba"), config, "'mamba'"),
            () ->
                read(file(config).put("llama.expert_count", GgufValue.u32(8)), config, "8 experts"),
            () ->
                read(
                    file(config).put("llama.rope.dimension_count", GgufValue.u32(32)),
                    config,
                    "rotates 32 numbers"),
            () -> read(file(config).put("llama.rope.scaling.type", "su"), config, "'su'"),
            () ->
                read(
                    file(config).put("llama.attention.head_count", GgufValue.ints(4, 4)),
                    config,
                    "expected a whole number"),
            () -> read(file(config).put("llama.block_count", "2"), config, "llama.block_count"));
    wrong.forEach(Runnable::run);
  }

  private static void read(GgufMetadata metadata, ModelConfig config, String message) {
    assertThatThrownBy(() -> GgufConfig.fromMetadata(metadata, tensors(config)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }
}
