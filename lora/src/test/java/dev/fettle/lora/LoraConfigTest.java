package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.data.Offset.offset;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoraConfigTest {
  private static final String PATH = "model.layers.3.self_attn.q_proj";

  /// Those of `peft.LoraConfig()`: r 8, alpha 8, no dropout, no rsLoRA; target_modules of Llama.
  @Test
  void missingKeysHavePeftsDefaults(@TempDir Path folder) throws IOException {
    LoraConfig config = read(folder, "{'peft_type': 'LORA'}");
    assertThat(config)
        .isEqualTo(LoraConfig.of(8, 8, new TargetModules.Names(List.of("q_proj", "v_proj"))));
  }

  @Test
  void scales() {
    LoraConfig config = LoraConfig.of(8, 16, new TargetModules.AllLinear());
    assertThat(config.scaleOf(PATH)).isEqualTo(2);
    LoraConfig stabilised =
        LoraConfig.builder(16, 8, new TargetModules.AllLinear())
            .useRslora(true)
            .rankPattern(Map.of("q_proj", 64))
            .build();
    assertThat(stabilised.rankOf(PATH)).isEqualTo(64);
    assertThat(stabilised.scaleOf(PATH)).isCloseTo(8 / 8.0, offset(1e-12));
    assertThat(stabilised.scaleOf("model.layers.3.mlp.up_proj")).isCloseTo(2, offset(1e-12));
  }

  /// PEFT takes the first key, in the order of the file, that matches a tail of the path.
  @Test
  void theFirstPatternCounts(@TempDir Path folder) throws IOException {
    LoraConfig config =
        read(
            folder,
            "{'peft_type': 'LORA', 'target_modules': ['q_proj'],"
                + " 'rank_pattern': {'z.*q_proj': 2, 'layers.3.self_attn.q_proj': 5, 'q_proj': 3}}");
    assertThat(config.rankOf(PATH)).isEqualTo(5);
    assertThat(config.rankOf("model.layers.2.self_attn.q_proj")).isEqualTo(3);
    assertThat(config.rankOf("model.layers.2.self_attn.v_proj")).isEqualTo(8);
    assertThat(config.rankPattern().keySet())
        .containsExactly("z.*q_proj", "layers.3.self_attn.q_proj", "q_proj");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'peft_type': 'IA3'} | peft_type 'IA3'; only LORA is supported",
        "{'peft_type': 'LORA', 'use_bdlora': {'nblocks': 2}} | use_bdlora",
        "{'peft_type': 'LORA', 'use_qalora': true} | use_qalora",
        "{'peft_type': 'LORA', 'layer_replication': [[0, 4], [2, 5]]} | layer_replication",
        "{'peft_type': 'LORA', 'target_parameters': ['mlp.experts.gate_up_proj']} | target_parameters",
        "{'peft_type': 'LORA', 'fan_in_fan_out': true} | fan_in_fan_out",
        "{'peft_type': 'LORA', 'lora_bias': true, 'use_dora': true} | lora_bias does not go with use_dora",
        "{'peft_type': 'LORA', 'lora_bias': true, 'init_lora_weights': 'gaussian'} | lora_bias goes with",
        "{'peft_type': 'LORA', 'use_dora': 'yes'} | use_dora = \"yes\"; expected true or false",
        "{'peft_type': 'LORA', 'bias': 'some'} | bias is 'some'; expected none, all, lora_only",
        "{'peft_type': 'LORA', 'modules_to_save': [3]} | modules_to_save = [3]; expected a list of names",
        "{'peft_type': 'LORA', 'modules_to_save': ['']} | modules_to_save holds an empty name",
        "{'peft_type': 'LORA', 'trainable_token_indices': [3, 3]} | must be token ids, each once",
        "{'peft_type': 'LORA', 'trainable_token_indices': ['a']} | expected token ids",
        "{'peft_type': 'LORA', 'trainable_token_indices': {'embed_tokens': [1.5]}} | expected token ids",
        "{'peft_type': 'LORA', 'arrow_config': {'top_k': 3}} | arrow_config",
        "{'peft_type': 'LORA', 'alora_invocation_tokens': [3]} | alora_invocation_tokens",
        "{'peft_type': 'LORA', 'init_lora_weights': 'pissa_niter_4'} | changes the base weights",
        "{'peft_type': 'LORA', 'init_lora_weights': 'loftq'} | changes the base weights",
        "{'peft_type': 'LORA', 'r': 0} | lora_r must be 1 or more",
        "{'peft_type': 'LORA', 'r': 8.5} | r = 8.5; expected a whole number",
        "{'peft_type': 'LORA', 'r': 'eight'} | r = \"eight\"; expected a number",
        "{'peft_type': 'LORA', 'lora_alpha': 0} | lora_alpha must be above 0",
        "{'peft_type': 'LORA', 'lora_dropout': 1} | lora_dropout must be at least 0 and below 1",
        "{'peft_type': 'LORA', 'rank_pattern': {'q_proj': 'x'}} | rank_pattern['q_proj'] = \"x\"; expected a number",
        "{'peft_type': 'LORA', 'rank_pattern': {'q_proj': 0}} | rank_pattern['q_proj'] must be 1 or more"
      })
  void refuses(String json, String why, @TempDir Path folder) {
    assertThatThrownBy(() -> read(folder, json))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "lora__llama-3.2-3B-rank32__adapter_config.json | ",
        "lora__llama-3.2-3B-rank64-rslora__adapter_config.json | ",
        "lora__llama-3.2-3B-rank32-dora__adapter_config.json | ",
        "lora__llama-3.2-3B-rank14-target-mlp-bdlora__adapter_config.json | use_bdlora",
        "ia3__llama-3.2-3B-default__adapter_config.json | IA3"
      })
  void realConfigurations(String name, @Nullable String refusal) {
    Path file = Golden.shared("assets/peft-configs").resolve(name);
    if (refusal != null) {
      assertThatThrownBy(() -> AdapterConfigJson.read(file))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(refusal);
      return;
    }
    LoraConfig config = AdapterConfigJson.read(file);
    boolean stabilised = name.contains("rslora");
    assertThat(config.r()).isEqualTo(stabilised ? 64 : 32);
    assertThat(config.useRslora()).isEqualTo(stabilised);
    assertThat(config.useDora()).isEqualTo(name.contains("dora"));
    assertThat(config.scaleOf(PATH)).isCloseTo(stabilised ? 8 : 2, offset(1e-12));
    assertThat(config.targetModules().text()).isEqualTo("q_proj,v_proj");
  }

  private static LoraConfig read(Path folder, String json) throws IOException {
    Path file = folder.resolve("adapter_config.json");
    Files.writeString(file, json.replace('\'', '"'));
    return AdapterConfigJson.read(file);
  }
}
