package dev.fettle.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.function.IntFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the files of the families say that llama.cpp computes otherwise than the first Llama.
class GgufFamiliesTest {
  private static ModelConfig config(String modelType, String more) {
    String json =
        """
        {'model_type': '%s', 'hidden_size': 64, 'intermediate_size': 96, 'num_hidden_layers': 8,
         'num_attention_heads': 4, 'num_key_value_heads': 2, 'head_dim': 16, 'vocab_size': 100,
         'max_position_embeddings': 4096, 'rms_norm_eps': 1e-5, 'bos_token_id': 1, 'eos_token_id': 2%s}
        """;
    return ModelConfig.parse(
        Json.parse(json.formatted(modelType, more).replace('\'', '"'), "test"), "test");
  }

  private static GgufMetadata metadata(ModelConfig config) {
    return GgufConfig.toMetadata(config, "test");
  }

  private static ModelConfig back(ModelConfig config) {
    GgufMetadata metadata = metadata(config);
    metadata.put(GgufConfig.ARCHITECTURE, GgufFamily.of(config).architecture());
    metadata.put("tokenizer.ggml.bos_token_id", GgufValue.u32(1));
    metadata.put("tokenizer.ggml.eos_token_id", GgufValue.u32(2));
    return GgufConfig.fromMetadata(
        metadata,
        new GgufConfig.Tensors(
            config.vocabSize(),
            GgufConfig.ropeFactors(config, "test"),
            config.tieWordEmbeddings(),
            config.biases(),
            config.torchDtype()));
  }

  /// The names as `gguf.TensorNameMap` of gguf-py 0.19.0 gives them for each architecture.
  @ParameterizedTest
  @CsvSource({
    "QWEN3, self_attn.q_norm, attn_q_norm",
    "QWEN3, self_attn.k_norm, attn_k_norm",
    "QWEN3, post_attention_layernorm, ffn_norm",
    "GEMMA_1, post_attention_layernorm, ffn_norm",
    "GEMMA_2, post_attention_layernorm, post_attention_norm",
    "GEMMA_2, pre_feedforward_layernorm, ffn_norm",
    "GEMMA_2, post_feedforward_layernorm, post_ffw_norm",
    "GEMMA_3, self_attn.q_norm, attn_q_norm",
    "GEMMA_3, post_attention_layernorm, post_attention_norm",
    "PHI3, self_attn.qkv_proj, attn_qkv",
    "PHI3, mlp.gate_up_proj, ffn_up",
    "GRANITE, mlp.gate_proj, ffn_gate",
    "SMOLLM3, self_attn.o_proj, attn_output"
  })
  void namesAreThoseOfGgufPy(GgufFamily family, String huggingFace, String gguf) {
    String name = "model.layers.3." + huggingFace + ".weight";
    assertThat(family.toGguf(name)).isEqualTo("blk.3." + gguf + ".weight");
    assertThat(family.toHuggingFace("blk.3." + gguf + ".weight")).isEqualTo(name);
  }

  @Test
  void gainsOfGemmaAreStoredWithTheOne() {
    ModelConfig gemma = config("gemma3_text", ", 'query_pre_attn_scalar': 16");
    GgufFamily family = GgufFamily.of(gemma);
    float[] gain = {0.25f, -0.5f};
    family.change("model.layers.0.self_attn.k_norm.weight", gemma).toGguf(gain);
    assertThat(gain).containsExactly(1.25f, 0.5f);
    assertThat(family.change("model.norm.weight", gemma).changesNumbers()).isTrue();
    assertThat(family.change("model.layers.0.mlp.up_proj.weight", gemma))
        .isEqualTo(WeightChange.NONE);
    assertThat(
            GgufFamily.QWEN3
                .change("model.layers.0.self_attn.k_norm.weight", config("qwen3", ""))
                .changesNumbers())
        .isFalse();
  }

  /// llama.cpp multiplies with 1/√headDim; what is missing goes into the queries.
  @Test
  void anotherAttentionScaleGoesIntoTheQueries() {
    ModelConfig gemma2 = config("gemma2", ", 'query_pre_attn_scalar': 64");
    WeightChange queries =
        GgufFamily.GEMMA_2.change("model.layers.0.self_attn.q_proj.weight", gemma2);
    assertThat(queries.factor()).isCloseTo(0.5, within(1e-12));
    assertThat(GgufFamily.GEMMA_2.change("model.layers.0.self_attn.k_proj.weight", gemma2))
        .isEqualTo(WeightChange.NONE);
    ModelConfig gemma3 = config("gemma3_text", ", 'query_pre_attn_scalar': 64");
    float[] gain = {0.5f};
    GgufFamily.GEMMA_3.change("model.layers.0.self_attn.q_norm.weight", gemma3).toGguf(gain);
    assertThat(gain)
        .as("where queries are normalised, into the norm's gain")
        .containsExactly(0.75f);
    assertThat(GgufFamily.GEMMA_3.change("model.layers.0.self_attn.q_proj.weight", gemma3))
        .isEqualTo(WeightChange.NONE);
    ModelConfig granite = config("granite", ", 'attention_multiplier': 0.0078125");
    assertThat(
            GgufFamily.GRANITE
                .change("model.layers.0.self_attn.q_proj.weight", granite)
                .changesNumbers())
        .as("which has a key for it")
        .isFalse();
    assertThat(metadata(granite).requiredNumber("granite.attention.scale")).isEqualTo(0.0078125);
  }

  /// Gemma 2 and 3 of 27 billion parameters, which llama.cpp knows by their number of layers.
  @Test
  void theLargestGemmasScaleByWidth() {
    assertThat(GgufFamily.GEMMA_2.attentionScale(46, 4608, 32, 128)).isEqualTo(1 / 12.0);
    assertThat(GgufFamily.GEMMA_2.attentionScale(42, 3584, 16, 256)).isEqualTo(1 / 16.0);
    assertThat(GgufFamily.GEMMA_3.attentionScale(62, 5376, 32, 128)).isEqualTo(1 / Math.sqrt(168));
  }

  @Test
  void windowsOfGemmaAreThoseLlamaCppHas() {
    GgufMetadata usual = metadata(config("gemma2", ", 'sliding_window': 512"));
    assertThat(usual.whole("gemma2.attention.sliding_window")).isEqualTo(512);
    assertThat(usual.has("gemma2.attention.sliding_window_pattern")).isFalse();
    assertThat(usual.whole("gemma2.context_length")).isEqualTo(4096);
    ModelConfig everyThird =
        config("gemma3_text", ", 'sliding_window': 512, 'sliding_window_pattern': 3");
    assertThat(metadata(everyThird).whole("gemma3.attention.sliding_window_pattern")).isEqualTo(3);
    assertThat(back(everyThird).layers()).isEqualTo(everyThird.layers());
    ModelConfig none = config("gemma2", ", 'layer_types': " + types(8, layer -> "full"));
    assertThat(metadata(none).whole("gemma2.attention.sliding_window"))
        .as("as long as the context, as llama.cpp always has one")
        .isEqualTo(4096);
  }

  /// As in models made for tests, with fewer layers than a period: llama.cpp stops at them.
  @Test
  void windowsOnAllLayersEndTheContext() {
    ModelConfig config =
        config(
            "gemma3_text",
            ", 'sliding_window': 512, 'rope_local_base_freq': 5000.0, 'layer_types': "
                + types(8, layer -> "sliding"));
    GgufMetadata metadata = metadata(config);
    assertThat(metadata.has("gemma3.attention.sliding_window")).isFalse();
    assertThat(metadata.whole("gemma3.context_length")).isEqualTo(512);
    assertThat(metadata.requiredNumber("gemma3.rope.freq_base")).isEqualTo(5000);
    assertThat(GgufConfig.notes(config)).singleElement().asString().contains("512 tokens");
  }

  private static String types(int layers, IntFunction<String> kind) {
    StringBuilder types = new StringBuilder("[");
    for (int layer = 0; layer < layers; layer++) {
      types.append(layer == 0 ? "'" : ",'").append(kind.apply(layer)).append("_attention'");
    }
    return types.append("]").toString();
  }

  @Test
  void gemma3HasTwoRotaryEmbeddings() {
    ModelConfig config =
        config(
            "gemma3_text",
            ", 'rope_theta': 250000.0, 'rope_local_base_freq': 5000.0, 'rope_scaling': {'rope_type': 'linear', 'factor': 8.0}");
    GgufMetadata metadata = metadata(config);
    assertThat(metadata.requiredNumber("gemma3.rope.freq_base")).isEqualTo(250_000);
    assertThat(metadata.requiredNumber("gemma3.rope.freq_base_swa")).isEqualTo(5000);
    assertThat(metadata.requiredNumber("gemma3.rope.scaling.factor")).isEqualTo(8);
    assertThat(back(config).layers()).isEqualTo(config.layers());
  }

  @Test
  void capsThatAreMissingAreTooHighToMatter() {
    ModelConfig config =
        config("gemma2", ", 'attn_logit_softcapping': null, 'final_logit_softcapping': 12.5");
    GgufMetadata metadata = metadata(config);
    assertThat(metadata.requiredNumber("gemma2.attn_logit_softcapping"))
        .isEqualTo(GgufLimits.NO_CAP);
    assertThat(metadata.requiredNumber("gemma2.final_logit_softcapping")).isEqualTo(12.5);
    assertThat(back(config).softCaps()).isEqualTo(config.softCaps());
  }

  @Test
  void dynamicScalingEndsTheContextWhereItBegins() {
    ModelConfig config =
        config("qwen3", ", 'rope_scaling': {'rope_type': 'dynamic', 'factor': 4.0}");
    assertThat(metadata(config).whole("qwen3.context_length")).isEqualTo(4096);
    LayerAttention plain = new LayerAttention(null, new Rotary(16, 10_000, null));
    assertThat(back(config).layers()).containsOnly(plain);
  }

  /// A ramp that llama.cpp has no keys for, as divisors where the architecture reads them.
  @Test
  void unusualYarnBecomesDivisors() {
    String scaling =
        ", 'rope_scaling': {'rope_type': 'yarn', 'factor': 4.0, 'beta_fast': 16.0, 'attention_factor': 1.5, 'original_max_position_embeddings': 256}";
    ModelConfig llama = config("llama", scaling);
    assertThat(GgufConfig.ropeFactors(llama, "test").keySet())
        .containsExactly(GgufFamily.ROPE_FACTORS);
    GgufMetadata metadata = metadata(llama);
    assertThat(metadata.has("llama.rope.scaling.type")).isFalse();
    assertThat(metadata.requiredNumber("llama.rope.scaling.attn_factor")).isEqualTo(1.5);
    @Nullable RopeScaling read =
        Objects.requireNonNull(back(llama).layers().getFirst().rotary()).scaling();
    assertThat(read).isInstanceOf(RopeScaling.Longrope.class);
    refused(config("qwen2", scaling), "scales its rotary embeddings");
  }

  @Test
  void whatLlamaCppDoesNotComputeIsRefused() {
    refused(config("qwen3", ", 'attention_bias': true"), "attention_bias");
    refused(config("smollm3", ", 'mlp_bias': true"), "mlp_bias");
    refused(config("llama", ", 'hidden_act': 'gelu'"), "activation gelu");
    refused(config("gemma", ", 'tie_word_embeddings': false"), "tie_word_embeddings");
    refused(config("granite", ", 'attention_multiplier': 0.0"), "multiplier of 0");
    refused(config("smollm3", ", 'no_rope_layers': [1,1,1,1,1,1,1,1]"), "layer 3");
    refused(config("smollm3", ", 'no_rope_layers': [1,0,1,0,1,0,1,0]"), "layer 1");
    refused(
        config(
            "qwen3",
            ", 'rope_scaling': {'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, 'original_max_position_embeddings': 64}"),
        "scales its rotary embeddings");
    refused(
        config(
            "gemma3_text",
            ", 'layer_types': "
                + types(8, layer -> Set.of(1, 2, 5).contains(layer) ? "full" : "sliding")),
        "other rotary embeddings or windows");
    refused(config("phi3", ", 'num_hidden_layers': 2, 'head_dim': 32"), "heads (4 of width 32)");
  }

  private static void refused(ModelConfig config, String message) {
    assertThatThrownBy(() -> metadata(config))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  /// Published configurations: every one of a family that llama.cpp has is written, and comes back.
  @Test
  void publishedConfigurationsComeBack() throws IOException {
    Path folder =
        Path.of(System.getProperty("fettle.shared", "../../shared"), "assets/model-configs");
    assumeTrue(Files.isDirectory(folder), "no published configurations in " + folder);
    try (Stream<Path> files = Files.list(folder)) {
      List<Path> configs = files.filter(file -> file.toString().endsWith(".config.json")).toList();
      assertThat(configs).hasSizeGreaterThan(20);
      for (Path file : configs) {
        String type = Json.read(file).path("model_type").asString("");
        if (Set.of("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "phi3")
            .contains(type)) {
          ModelConfig config = ModelConfig.parse(Json.read(file), file.toString());
          ModelConfig back = back(config);
          WeightChange queries =
              GgufFamily.of(config).change("model.layers.0.self_attn.q_proj.weight", config);
          assertThat(back.attentionScale() * queries.factor())
              .as(file.toString())
              .isCloseTo(config.attentionScale(), within(1e-12));
          assertThat(back.softCaps()).as(file.toString()).isEqualTo(config.softCaps());
          assertThat(back.norms()).as(file.toString()).isEqualTo(config.norms());
          assertThat(back.layers().stream().map(GgufFamiliesTest::inFloats).toList())
              .as(file.toString())
              .isEqualTo(config.layers().stream().map(GgufFamiliesTest::inFloats).toList());
        }
      }
    }
  }

  /// A file holds divisors as float32.
  private static LayerAttention inFloats(LayerAttention layer) {
    return layer.rotary() instanceof Rotary rotary
            && rotary.scaling() instanceof RopeScaling.Longrope longrope
        ? new LayerAttention(
            layer.window(),
            new Rotary(
                rotary.dims(),
                rotary.theta(),
                new RopeScaling.Longrope(
                    RopeFactors.decimals(RopeFactors.floats(longrope.shortFactor())),
                    RopeFactors.decimals(RopeFactors.floats(longrope.longFactor())),
                    longrope.attentionFactor(),
                    longrope.originalMaxPositionEmbeddings())))
        : layer;
  }
}
