package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/// How adapters of every kind start, and which are refused.
class FreshAdapterTest {
  /// DoRA multiplies with m / ‖W‖, which is 1 but for a rounding.
  private static final double SAME = 1e-5;

  private static final int[][] IDS = {{3, 17, 70, 4, 9, 61}};
  private static final List<String> ENDS = List.of("embed_tokens", "q_proj", "lm_head");

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"base-untied", "base-tied", "base-nf4"})
  void theModelStartsUnchanged(String base) {
    for (LoraInit init : List.of(LoraInit.STANDARD, LoraInit.GAUSSIAN)) {
      for (boolean dora : new boolean[] {false, true}) {
        LoraConfig ends =
            plain(ENDS).useDora(dora).initLoraWeights(init).bias(TrainedBias.ALL).build();
        assertThat(change(base, ends)).as(ends.toString()).isLessThan(SAME);
        LoraConfig whole =
            plain(List.of("q_proj"))
                .useDora(dora)
                .initLoraWeights(init)
                .modulesToSave(List.of("norm", "lm_head"))
                .trainableTokenIndices(
                    base.equals("base-tied") ? Map.of() : Map.of("embed_tokens", List.of(3, 70)))
                .build();
        assertThat(change(base, whole)).as(whole.toString()).isLessThan(SAME);
      }
    }
  }

  /// B is not zero with PEFT's `init_lora_weights=False`.
  @Test
  void aRandomStartChangesTheModel() {
    LoraConfig random =
        plain(List.of("embed_tokens", "q_proj")).initLoraWeights(LoraInit.RANDOM).build();
    assertThat(change("base-untied", random)).isGreaterThan(0.01);
    LoraConfig bias =
        plain(List.of("q_proj")).initLoraWeights(LoraInit.RANDOM).loraBias(true).build();
    assertThat(change("base-untied", bias)).isGreaterThan(0.01);
  }

  /// Normal with standard deviation 1/r, as PEFT's `reset_lora_parameters`.
  @Test
  void gaussianStart() {
    LoraConfig config = plain(List.of("q_proj")).initLoraWeights(LoraInit.GAUSSIAN).build();
    try (CausalLm model = load("base-untied");
        LoraAdapter adapter = LoraAdapter.attach(model, config, 3)) {
      double squares = 0;
      int count = 0;
      for (String path : adapter.targets()) {
        for (float value : adapter.pair(path).a().value().toFloats()) {
          squares += (double) value * value;
          count++;
        }
      }
      assertThat(count).isEqualTo(2 * 4 * 64);
      // 512 values: the deviation of their variance is 6 %
      assertThat(Math.sqrt(squares / count)).isBetween(0.22, 0.28);
    }
  }

  /// Two names of one tensor are one parameter, and both are written.
  @Test
  void tiedModulesAreOneParameter() {
    LoraConfig config =
        plain(List.of("q_proj"))
            .modulesToSave(List.of("embed_tokens"))
            .ensureWeightTying(true)
            .build();
    try (CausalLm model = load("base-tied");
        LoraAdapter adapter = LoraAdapter.attach(model, config, 3)) {
      assertThat(adapter.parameters().stream().map(Parameter::name))
          .contains("base_model.model.model.embed_tokens.weight")
          .doesNotContain("base_model.model.lm_head.weight");
      assertThat(adapter.parameterCount()).isEqualTo(80 * 64 + 2 * 4 * (64 + 64));
      AdapterFolder.write(folder.resolve("tied"), adapter);
    }
    try (AdapterFolder written = AdapterFolder.open(folder.resolve("tied"))) {
      assertThat(written.tensor("base_model.model.lm_head.weight").toFloats())
          .isEqualTo(written.tensor("base_model.model.model.embed_tokens.weight").toFloats());
    }
  }

  @ParameterizedTest
  @EnumSource(LoraInit.class)
  void startsSurviveTheFile(LoraInit init) {
    LoraConfig config =
        plain(List.of("q_proj"))
            .initLoraWeights(init)
            .trainableTokenIndices(Map.of("embed_tokens", List.of(4), "lm_head", List.of(5)))
            .build();
    try (CausalLm model = load("base-untied");
        LoraAdapter adapter = LoraAdapter.attach(model, config, 3)) {
      AdapterFolder.write(folder.resolve("once"), adapter);
    }
    try (AdapterFolder written = AdapterFolder.open(folder.resolve("once"))) {
      assertThat(written.config().toString()).isEqualTo(config.toString());
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'modules_to_save': ['head']} | base-nf4 | ",
        "{'modules_to_save': ['router']} | base-untied | names 'router', which this model does not have",
        "{'modules_to_save': ['(']} | base-untied | modules_to_save '(^|.*\\.)(($|\\..*)' is not a regular expression",
        "{'modules_to_save': ['v_proj']} | base-nf4 | v_proj.weight' is stored quantized, so it cannot be trained as a whole",
        "{'modules_to_save': ['self_attn']} | base-untied | leaves no layer of target_modules 'q_proj'",
        "{'trainable_token_indices': [80]} | base-untied | holds 80; this model's token ids are 0 to 79",
        "{'trainable_token_indices': [-1]} | base-untied | holds -1; this model's",
        "{'trainable_token_indices': {'norm': [1]}} | base-untied | names 'norm'; expected embed_tokens or lm_head",
        "{'trainable_token_indices': [1], 'modules_to_save': ['embed_tokens']} | base-untied | trainable_token_indices and modules_to_save both change 'model.embed_tokens'",
        "{'trainable_token_indices': [1], 'target_modules': ['embed_tokens']} | base-untied | trainable_token_indices and target_modules both change 'model.embed_tokens'",
        "{'trainable_token_indices': [1], 'target_modules': ['lm_head']} | base-tied | both change 'lm_head'",
        "{'lora_bias': true, 'target_modules': ['embed_tokens']} | base-untied | lora_bias does not go with target_modules that hold the embedding"
      })
  void refusesConfigurations(String json, String base, String why) throws IOException {
    Path file = folder.resolve("adapter_config.json");
    ObjectNode config = Json.parse(json.replace('\'', '"'), "test");
    config.put("peft_type", "LORA");
    if (!config.has("target_modules")) {
      config.putArray("target_modules").add("q_proj");
    }
    Files.writeString(file, Json.pretty(config));
    try (CausalLm model = load(base)) {
      if (why == null) {
        LoraAdapter.attach(model, AdapterConfigJson.read(file), 1).close();
        return;
      }
      assertThatThrownBy(() -> LoraAdapter.attach(model, AdapterConfigJson.read(file), 1))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(why);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "dora, model.layers.0.self_attn.q_proj.lora_magnitude_vector, has no tensor",
    "ends, model.embed_tokens.lora_embedding_A, has no tensor",
    "save-norms, model.norm.weight, has no tensor",
    "bias-all, model.layers.1.self_attn.k_proj.bias, has no tensor",
    "lora-bias, model.layers.0.self_attn.v_proj.lora_B.bias, has no tensor",
    "tokens, model.embed_tokens.token_adapter.trainable_tokens_delta, has no tensor"
  })
  void refusesFoldersWithoutATensor(String name, String key, String why) throws IOException {
    Path copy = changed(name, values -> assertThat(values.remove(PREFIX + key)).isNotNull());
    refused(copy, why + " '" + PREFIX + key + "'");
    Path wrong =
        changed(name, values -> values.put(PREFIX + key, HostTensor.of(new float[6], 2, 3)));
    refused(wrong, "Tensor '" + PREFIX + key + "' of adapter " + wrong + " has shape [2, 3]");
  }

  @Test
  void refusesAForeignTensorAndALoraBiasWithoutABias() throws IOException {
    Path more =
        changed("dora", values -> values.put("stranger", HostTensor.of(new float[] {1}, 1)));
    refused(more, "holds 'stranger', which belongs to no target layer");
    LoraConfig config = plain(List.of("o_proj")).loraBias(true).build();
    try (CausalLm model = load("base-untied");
        LoraAdapter adapter = LoraAdapter.attach(model, config, 1)) {
      AdapterFolder.write(folder.resolve("o"), adapter);
    }
    assertThatThrownBy(() -> merge(folder.resolve("o"), false))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'model.layers.0.self_attn.o_proj' has no bias");
  }

  @ParameterizedTest
  @CsvSource({
    "dora, the norms that DoRA divided by",
    "save-norms, it replaced what was there",
    "tokens, it replaced what was there"
  })
  void whatCannotBeTakenOutIsRefused(String name, String why) {
    assertThatThrownBy(() -> merge(Golden.peftAdapter(name), true))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
    assertThat(folder.resolve("merged")).doesNotExist();
  }

  private static final String PREFIX = "base_model.model.";

  private void merge(Path adapter, boolean unmerge) {
    Path output = folder.resolve("merged");
    Merge.run(
        Golden.peftAdapter("base-untied"), adapter, output, null, unmerge, (i, n, name) -> {});
  }

  private Path changed(String name, Consumer<SequencedMap<String, HostTensor>> change)
      throws IOException {
    Path copy = Files.createTempDirectory(folder, "changed");
    Files.copy(
        Golden.peftAdapter(name).resolve(AdapterFolder.CONFIG), copy.resolve(AdapterFolder.CONFIG));
    try (TensorSource original =
        SafetensorsFile.open(Golden.peftAdapter(name).resolve(AdapterFolder.TENSORS))) {
      SequencedMap<String, HostTensor> values = new LinkedHashMap<>();
      original.infos().keySet().forEach(key -> values.put(key, original.tensor(key)));
      change.accept(values);
      SafetensorsWriter.write(
          copy.resolve(AdapterFolder.TENSORS), values, SafetensorsWriter.PYTORCH_METADATA);
    }
    return copy;
  }

  private static void refused(Path adapter, String why) {
    try (CausalLm model = load("base-untied");
        AdapterFolder stored = AdapterFolder.open(adapter)) {
      assertThatThrownBy(() -> LoraAdapter.attach(model, stored))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(why);
    }
  }

  private static LoraConfig.Builder plain(List<String> targets) {
    return LoraConfig.builder(4, 8, new TargetModules.Names(targets));
  }

  private static CausalLm load(String base) {
    return CausalLm.load(Golden.peftAdapter(base), LoadOptions.defaults());
  }

  private static double change(String base, LoraConfig config) {
    try (CausalLm model = load(base)) {
      float[] before = Golden.logits(model, IDS);
      try (LoraAdapter adapter = LoraAdapter.attach(model, config, 7)) {
        assertThat(adapter.parameterCount()).isEqualTo(adapter.plan().parameterCount());
        return Golden.maxDifference(Golden.logits(model, IDS), before);
      }
    }
  }
}
