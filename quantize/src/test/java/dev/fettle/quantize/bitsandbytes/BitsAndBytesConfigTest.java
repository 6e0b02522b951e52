package dev.fettle.quantize.bitsandbytes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Texts as transformers 5.18 writes them.
class BitsAndBytesConfigTest {
  /// `BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4",
  /// bnb_4bit_compute_dtype=torch.bfloat16, bnb_4bit_use_double_quant=True,
  /// llm_int8_skip_modules=["lm_head"]).to_json_file(…)`
  private static final String FOUR =
      """
      {"_load_in_4bit": true, "_load_in_8bit": false, "bnb_4bit_compute_dtype": "bfloat16",
       "bnb_4bit_quant_storage": "uint8", "bnb_4bit_quant_type": "nf4",
       "bnb_4bit_use_double_quant": true, "llm_int8_enable_fp32_cpu_offload": false,
       "llm_int8_has_fp16_weight": false, "llm_int8_skip_modules": ["lm_head"],
       "llm_int8_threshold": 6.0, "load_in_4bit": true, "load_in_8bit": false,
       "quant_method": "bitsandbytes"}
      """;

  private static BitsAndBytesConfig parse(String text) {
    return BitsAndBytesConfig.parse(Json.parse(text, "bnb.json"), "bnb.json");
  }

  @Test
  void theWholeObjectIsTaken() {
    BitsAndBytesConfig config = parse(FOUR);
    assertThat(config.scheme()).isEqualTo(new Scheme.Nf4(64, true));
    assertThat(config.computeDtype()).isEqualTo(DType.BF16);
    assertThat(config.skipModules()).containsExactly("lm_head");
    assertThat(config.layersToSkip()).isEmpty();
  }

  @Test
  void whatIsNotSaidIsAsInTransformers() {
    BitsAndBytesConfig four = parse("{\"load_in_4bit\": true}");
    assertThat(four.scheme()).isEqualTo(new Scheme.Fp4(64, false));
    assertThat(four.computeDtype()).isEqualTo(DType.F32);
    BitsAndBytesConfig eight = parse("{\"load_in_8bit\": true, \"llm_int8_threshold\": 6.0}");
    assertThat(eight.scheme()).isEqualTo(new Scheme.LlmInt8());
    assertThat(eight.computeDtype()).isNull();
  }

  @ParameterizedTest
  @CsvSource({"torch.bfloat16, BF16", "float16, BF16", "float32, F32"})
  void dtypesAreReadAsPythonWritesThem(String text, DType dtype) {
    assertThat(
            parse("{\"load_in_4bit\": true, \"bnb_4bit_compute_dtype\": \"" + text + "\"}")
                .computeDtype())
        .isEqualTo(dtype);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{'load_in_4bit': true, 'load_in_8bit': true}; both",
        "{'quant_method': 'bitsandbytes'}; neither",
        "{'load_in_4bit': 'yes'}; load_in_4bit",
        "{'load_in_4bit': true, 'bnb_4bit_quant_type': 'int4'}; bnb_4bit_quant_type",
        "{'load_in_4bit': true, 'bnb_4bit_compute_dtype': 'int8'}; bnb_4bit_compute_dtype",
        "{'load_in_4bit': true, 'bnb_4bit_compute_dtype': 'nonsense'}; nonsense",
        "{'load_in_8bit': true, 'llm_int8_threshold': 4.5}; llm_int8_threshold",
        "{'load_in_8bit': true, 'llm_int8_has_fp16_weight': true}; llm_int8_has_fp16_weight",
        "{'load_in_8bit': true, 'llm_int8_enable_fp32_cpu_offload': true}; fp32_cpu_offload",
        "{'load_in_8bit': true, 'llm_int8_skip_modules': 'lm_head'}; llm_int8_skip_modules",
        "{'load_in_8bit': true, 'llm_int8_skip_modules': [3]}; llm_int8_skip_modules",
        "{'load_in_4bit': true, 'another': 1}; another",
        "{'load_in_4bit': true, 'quant_method': 'gptq'}; quant_method"
      })
  void whatCannotBeHonouredIsNamed(String json, String name) {
    assertThatThrownBy(() -> parse(json.replace('\'', '"')))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(name)
        .hasMessageContaining("bnb.json");
  }
}
