package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Texts as PEFT 0.21 writes them.
class PeftConfigJsonTest {
  /// `LoraConfig(r=8, target_modules=[all seven], task_type="CAUSAL_LM").save_pretrained(…)`
  private static final String SEVEN =
      """
      {"alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null,
       "auto_mapping": null, "base_model_name_or_path": null, "bias": "none",
       "corda_config": null, "ensure_weight_tying": false, "eva_config": null,
       "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": false,
       "init_lora_weights": true, "kasa_config": null, "layer_replication": null,
       "layers_pattern": null, "layers_to_transform": null, "loftq_config": {},
       "lora_alpha": 8, "lora_bias": false, "lora_dropout": 0.0, "lora_ga_config": null,
       "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null,
       "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.0",
       "qalora_group_size": 16, "r": 8, "rank_pattern": {}, "revision": null,
       "target_modules": ["up_proj", "k_proj", "down_proj", "o_proj", "gate_proj", "q_proj",
       "v_proj"], "target_parameters": null, "task_type": "CAUSAL_LM",
       "trainable_token_indices": null, "use_bdlora": null, "use_dora": false,
       "use_qalora": false, "use_rslora": false, "velora_config": null}
      """;

  private static LoraConfig parse(String text) {
    return LoraConfig.ofPeft(Json.parse(text, "lora.json"), "lora.json");
  }

  @Test
  void theWholeObjectIsTaken() {
    LoraConfig config = parse(SEVEN);
    assertThat(config.r()).isEqualTo(8);
    assertThat(config.loraAlpha()).isEqualTo(8);
    assertThat(config.targetModules())
        .isEqualTo(
            new TargetModules.Names(
                List.of(
                    "down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj")));
  }

  @Test
  void namesOfPythonClassesAndAllLinearAreRead() {
    LoraConfig config =
        parse(
            "{\"peft_type\": \"PeftType.LORA\", \"task_type\": \"TaskType.CAUSAL_LM\","
                + " \"target_modules\": \"all-linear\", \"r\": 4}");
    assertThat(config.targetModules()).isEqualTo(new TargetModules.AllLinear());
    assertThat(config.r()).isEqualTo(4);
  }

  @Test
  void aHandWrittenObjectNeedsNoTypes() {
    assertThat(parse("{\"r\": 2, \"target_modules\": [\"q_proj\"]}").r()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{'peft_type': 'IA3'}; peft_type",
        "{'task_type': 'SEQ_CLS'}; task_type",
        "{'init_lora_weights': 'pissa'}; init_lora_weights",
        "{'init_lora_weights': 'eva'}; init_lora_weights",
        "{'loftq_config': {'loftq_bits': 4}}; loftq_config",
        "{'use_qalora': true}; use_qalora",
        "{'fan_in_fan_out': true}; fan_in_fan_out",
        "{'something_new': 3}; something_new",
        "{'r': 'eight'}; r =",
        "{'r': 0}; lora_r"
      })
  void whatCannotBeHonouredIsNamed(String json, String name) {
    assertThatThrownBy(() -> parse(json.replace('\'', '"')))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(name);
  }
}
