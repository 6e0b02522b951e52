package dev.fettle.quantize.compressedtensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.compressedtensors.CompressedTensorsConfig.Group;
import dev.fettle.tensor.UserException;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/// Configurations as compressed-tensors accepts them.
class CompressedTensorsConfigTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'num_bits':4,'group_size':128} | int4:sym:group=128",
        "{'num_bits':4,'strategy':'GROUP','group_size':32,'type':'INT','symmetric':false} | int4:asym:group=32",
        "{'num_bits':4,'group_size':-1} | int4:sym:channel",
        "{} | int8:sym:tensor",
        "{'num_bits':4,'strategy':'group','group_size':32,'actorder':'weight'} | int4:sym:group=32",
        "{'num_bits':4,'strategy':'group','group_size':32,'actorder':'static'} | int4:sym:group=32",
        "{'strategy':'block','block_structure':'64x128'} | int8:sym:block=64x128",
        "{'strategy':'block','block_structure':[64,128]} | int8:sym:block=64x128",
      })
  void whatIsNotSaidIsInferred(String weights, String scheme) {
    Group group = Objects.requireNonNull(parse(groups(weights, "")).groupOf("a.b"));
    assertThat(group.weights()).hasToString(scheme);
    assertThat(group.groupIndex()).isFalse();
    assertThat(group.activations()).isNull();
  }

  @ParameterizedTest
  @ValueSource(strings = {"true", "'group'", "'dynamic'", "'GROUP'"})
  void groupsInTheOrderOfActivations(String actorder) {
    String weights = "{'num_bits':4,'group_size':32,'actorder':" + actorder + "}";
    Group group = Objects.requireNonNull(parse(groups(weights, "")).groupOf("a"));
    assertThat(group.groupIndex()).isTrue();
  }

  /// A name, then patterns by their text, then the class; in whatever order the groups stand.
  @Test
  void theMostSpecificTargetCounts() {
    CompressedTensorsConfig config =
        parse(
            "{'config_groups':{"
                + "'group_0':{'targets':['Linear'],'weights':{'num_bits':2}},"
                + "'group_1':{'targets':['re:.*down_proj$'],'weights':{'num_bits':3}},"
                + "'group_2':{'targets':['re:.*layers\\\\.0\\\\.'],'weights':{'num_bits':4}},"
                + "'group_3':{'targets':['model.layers.0.mlp.down_proj'],'weights':{'num_bits':5}}},"
                + "'ignore':['lm_head','re:.*gate$']}");
    assertThat(bits(config, "model.layers.0.mlp.down_proj")).isEqualTo("int5:sym:tensor");
    assertThat(bits(config, "model.layers.1.mlp.down_proj")).isEqualTo("int3:sym:tensor");
    assertThat(bits(config, "model.layers.0.self_attn.q_proj")).isEqualTo("int4:sym:tensor");
    assertThat(bits(config, "model.layers.1.self_attn.q_proj")).isEqualTo("int2:sym:tensor");
    assertThat(config.groupOf("lm_head")).isNull();
    assertThat(config.groupOf("model.layers.0.mlp.gate")).isNull();
  }

  private static String bits(CompressedTensorsConfig config, String module) {
    return Objects.requireNonNull(config.groupOf(module)).weights().toString();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "'format':'marlin-24' | has the format marlin-24, which is not supported",
        "'kv_cache_scheme':{'num_bits':8} | set it to null",
        "'sparsity_config':{'format':'sparse-24-bitmask'} | stores weights sparsely (sparse-24-bitmask)",
        "'transform_config':{'config_groups':{'u':{}}} | transforms weights while computing",
        "'ignore':['re:(']|a target in quantization_config '(' is not a regular expression",
      })
  void refusesWhatChangesTheComputation(String more, String message) {
    assertThatThrownBy(() -> parse(groups("{'num_bits':8}", "," + more)))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'dynamic':true,'strategy':'tensor'} | neither found for each token",
        "{'dynamic':'local','strategy':'group','group_size':16} | neither found for each token",
        "{'type':'float','dynamic':true,'strategy':'token'} | only 8-bit integers are supported",
      })
  void refusesActivationsItCannotCompute(String activations, String message) {
    String json =
        "{'config_groups':{'g':{'targets':['Linear'],'weights':{},'input_activations':"
            + activations
            + "}}}";
    assertThatThrownBy(() -> parse(json))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(message);
  }

  private static String groups(String weights, String more) {
    return "{'config_groups':{'g':{'targets':['Linear'],'weights':" + weights + "}}" + more + "}";
  }

  private static CompressedTensorsConfig parse(String json) {
    ObjectNode whole = Json.object();
    whole.set("quantization_config", Json.parse(json.replace('\'', '"'), "test"));
    return CompressedTensorsConfig.parse(whole, "config.json");
  }
}
