package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TargetModulesTest {
  private static final List<String> LINEARS = linears(12);

  private static final List<String> NORMS = List.of("model.norm", "model.layers.0.input_layernorm");

  private static List<String> linears(int blocks) {
    List<String> paths = new ArrayList<>();
    for (int block = 0; block < blocks; block++) {
      for (String tail :
          List.of(
              "self_attn.q_proj",
              "self_attn.k_proj",
              "self_attn.v_proj",
              "self_attn.o_proj",
              "mlp.gate_proj",
              "mlp.up_proj",
              "mlp.down_proj")) {
        paths.add("model.layers." + block + "." + tail);
      }
    }
    return paths;
  }

  @Test
  void parsesOptions() {
    assertThat(TargetModules.parse(" all-linear ")).isEqualTo(new TargetModules.AllLinear());
    assertThat(TargetModules.parse("ALL-LINEAR")).isEqualTo(new TargetModules.AllLinear());
    assertThat(TargetModules.parse("q_proj, v_proj"))
        .isEqualTo(new TargetModules.Names(List.of("q_proj", "v_proj")));
    assertThat(TargetModules.parse("model.layers.0.mlp.up_proj"))
        .isEqualTo(new TargetModules.Names(List.of("model.layers.0.mlp.up_proj")));
    assertThat(TargetModules.parse(".*q_proj")).isInstanceOf(TargetModules.Regex.class);
    assertThat(TargetModules.parse("q_proj").text()).isEqualTo("q_proj");
  }

  @ParameterizedTest
  @CsvSource({
    "'', target_modules is empty",
    "'.*(q_proj', is not a regular expression",
  })
  void refusesBadOptions(String text, String why) {
    assertThatThrownBy(() -> TargetModules.parse(text))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
  }

  private static List<String> select(TargetModules targets, List<String> linears) {
    return targets.select(linears, NORMS, true);
  }

  /// Names of other families in a list that serves several.
  @Test
  void aNameMayMatchNothingInAStoredAdapter() {
    TargetModules targets = TargetModules.parse("qkv_proj,q_proj");
    assertThat(targets.select(linears(1), NORMS, false))
        .containsExactly("model.layers.0.self_attn.q_proj");
    assertThatThrownBy(() -> TargetModules.parse("qkv_proj").select(linears(1), NORMS, false))
        .isInstanceOf(UserException.class);
  }

  @Test
  void selectsInTheModelsOrder() {
    assertThat(select(new TargetModules.AllLinear(), LINEARS)).isEqualTo(LINEARS);
    assertThat(select(TargetModules.parse("v_proj,q_proj"), linears(1)))
        .containsExactly("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj");
    assertThat(select(TargetModules.parse(".*layers\\.1\\..*_proj"), LINEARS)).hasSize(7);
    assertThat(select(TargetModules.parse("lm_head,q_proj,embed_tokens"), linears(1)))
        .containsExactly("model.embed_tokens", "model.layers.0.self_attn.q_proj", "lm_head");
    // A name is a tail of the path at a dot, not of a word.
    assertThatThrownBy(() -> select(TargetModules.parse("proj"), LINEARS))
        .isInstanceOf(UserException.class);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "q_proj,w1 | names 'w1', which this model does not have as a linear layer or embedding; it has embed_tokens, q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, lm_head",
        ".*w1 | matches no linear layer of this model; it has q_proj",
        ".* | also matches 'model.norm'",
        "model\\.layers.* | also matches 'model.layers",
        "self_attn | also matches 'model.layers.0.self_attn', which is not a linear layer",
        "act_fn | also matches 'model.layers.0.mlp.act_fn'",
        "input_layernorm | also matches 'model.layers.0.input_layernorm'",
        "norm | also matches 'model.norm'"
      })
  void whatPeftWouldNotAdaptIsRefused(String text, String why) {
    assertThatThrownBy(() -> select(TargetModules.parse(text), LINEARS))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
  }

  /// Twelve repetitions one after the other would take 10^9 attempts.
  @Test
  void expressionsThatTakeForeverAreRefused() {
    assertThatThrownBy(() -> select(TargetModules.regex("(.*)".repeat(12) + "!"), LINEARS))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("takes too long");
  }

  /// Expected: what PEFT 0.21's check_target_module_exists selects of the same paths.
  @ParameterizedTest
  @CsvSource(
      delimiter = '@',
      value = {
        "{'target_modules': ['q_proj'], 'layers_to_transform': 3} @ 3.self_attn.q_proj",
        "{'target_modules': ['q_proj'], 'layers_to_transform': [1, 11]} @ 1.self_attn.q_proj, 11.self_attn.q_proj",
        "{'target_modules': ['v_proj'], 'layers_to_transform': [2], 'layers_pattern': 'layers'} @ 2.self_attn.v_proj",
        "{'target_modules': ['v_proj'], 'layers_to_transform': [2], 'layers_pattern': ['h', 'layers']} @ 2.self_attn.v_proj",
        // a path in full is taken whatever its block
        "{'target_modules': ['k_proj', 'model.layers.7.mlp.up_proj'], 'layers_to_transform': [0]} @ 0.self_attn.k_proj, 7.mlp.up_proj",
        "{'target_modules': ['mlp.up_proj'], 'exclude_modules': '.*layers\\.\\d+\\..*', 'r': 1} @ ",
        "{'target_modules': ['q_proj', 'v_proj'], 'layers_to_transform': [4], 'exclude_modules': ['v_proj']} @ 4.self_attn.q_proj",
        "{'target_modules': ['up_proj'], 'layers_to_transform': [4, 5], 'exclude_modules': ['4.mlp.up_proj']} @ 5.mlp.up_proj",
        "{'target_modules': 'all-linear', 'exclude_modules': '.*layers\\.(\\d|10)\\..*|.*mlp.*'} @ 11.self_attn.q_proj, 11.self_attn.k_proj, 11.self_attn.v_proj, 11.self_attn.o_proj",
        "{'target_modules': ['o_proj'], 'layers_to_transform': [], 'exclude_modules': '.*\\.[1-9]\\d?\\..*'} @ 0.self_attn.o_proj"
      })
  void meansWhatPeftMeans(String json, @Nullable String expected) {
    TargetModules targets = read(json);
    List<String> paths =
        expected == null
            ? List.of()
            : List.of(expected.split(", ")).stream().map(p -> "model.layers." + p).toList();
    assertThat(LINEARS.stream().filter(targets::matches)).containsExactlyElementsOf(paths);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'target_modules': 'all-linear', 'layers_to_transform': [1]} | layers_to_transform, but target_modules is not a list",
        "{'target_modules': '.*q_proj', 'layers_to_transform': 1} | layers_to_transform, but target_modules is not a list",
        "{'target_modules': ['q_proj'], 'layers_pattern': 'layers'} | layers_pattern without layers_to_transform",
        "{'target_modules': ['q_proj'], 'layers_to_transform': ['1']} | layers_to_transform = [\"1\"]; expected block numbers",
        "{'target_modules': []} | target_modules = []; expected a list of names",
        "{'target_modules': 3} | target_modules = 3; expected a list of names",
        "{'target_modules': '.*(q_proj'} | is not a regular expression",
      })
  void refusesConfigurations(String json, String why) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(why);
  }

  private static TargetModules read(String json) {
    return TargetModulesJson.read(
        Json.parse(json.replace("\\", "\\\\").replace('\'', '"'), "test"),
        Path.of("adapter_config.json"));
  }
}
