package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.Architecture;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// What tensors are called in Hugging Face and in GGUF. Source: gguf-py, `tensor_mapping.py`.
final class TensorNames {
  private static final Map<String, String> GLOBAL =
      Map.of(
          Architecture.EMBEDDING, GgufFamily.EMBEDDING,
          Architecture.FINAL_NORM, "output_norm.weight",
          Architecture.OUTPUT_HEAD, GgufFamily.OUTPUT);
  private static final Map<String, String> GLOBAL_REVERSED = reversed(GLOBAL);

  private static final Pattern HF_NAME =
      Pattern.compile("model\\.layers\\.(0|[1-9]\\d{0,8})\\.(.+)\\.(weight|bias)");
  private static final Pattern GGUF_NAME =
      Pattern.compile("blk\\.(0|[1-9]\\d{0,8})\\.(.+)\\.(weight|bias)");

  private final Map<String, String> modules;
  private final Map<String, String> reversed;

  private TensorNames(Map<String, String> modules) {
    this.modules = Map.copyOf(modules);
    this.reversed = reversed(modules);
  }

  static TensorNames of(Set<GgufTrait> traits) {
    Map<String, String> modules = new LinkedHashMap<>();
    modules.put("input_layernorm", "attn_norm");
    if (traits.contains(GgufTrait.FUSED)) {
      modules.put("self_attn.qkv_proj", "attn_qkv");
      modules.put("mlp.gate_up_proj", "ffn_up");
    } else {
      modules.put("self_attn.q_proj", "attn_q");
      modules.put("self_attn.k_proj", "attn_k");
      modules.put("self_attn.v_proj", "attn_v");
      modules.put("mlp.gate_proj", "ffn_gate");
      modules.put("mlp.up_proj", "ffn_up");
    }
    modules.put("self_attn.o_proj", "attn_output");
    modules.put("mlp.down_proj", "ffn_down");
    if (traits.contains(GgufTrait.QUERY_KEY_NORMS)) {
      modules.put("self_attn.q_norm", "attn_q_norm");
      modules.put("self_attn.k_norm", "attn_k_norm");
    }
    if (traits.contains(GgufTrait.BRANCH_NORMS)) {
      modules.put("post_attention_layernorm", "post_attention_norm");
      modules.put("pre_feedforward_layernorm", "ffn_norm");
      modules.put("post_feedforward_layernorm", "post_ffw_norm");
    } else {
      modules.put("post_attention_layernorm", "ffn_norm");
    }
    return new TensorNames(modules);
  }

  /// The module of a decoder block that a weight or bias belongs to, such as `self_attn.q_proj`;
  /// empty for other tensors.
  static String module(String huggingFace) {
    Matcher matcher = HF_NAME.matcher(huggingFace);
    return matcher.matches() ? matcher.group(2) : "";
  }

  @Nullable String toGguf(String huggingFace) {
    return translate(huggingFace, GLOBAL, HF_NAME, modules, "blk.");
  }

  @Nullable String toHuggingFace(String gguf) {
    return translate(gguf, GLOBAL_REVERSED, GGUF_NAME, reversed, "model.layers.");
  }

  private static @Nullable String translate(
      String name,
      Map<String, String> global,
      Pattern pattern,
      Map<String, String> modules,
      String prefix) {
    @Nullable String found = global.get(name);
    Matcher matcher = pattern.matcher(name);
    if (found != null || !matcher.matches()) {
      return found;
    }
    @Nullable String module = modules.get(matcher.group(2));
    return module == null
        ? null
        : prefix + matcher.group(1) + "." + module + "." + matcher.group(3);
  }

  private static Map<String, String> reversed(Map<String, String> names) {
    Map<String, String> reversed = new LinkedHashMap<>();
    names.forEach((key, value) -> reversed.put(value, key));
    return Map.copyOf(reversed);
  }
}
