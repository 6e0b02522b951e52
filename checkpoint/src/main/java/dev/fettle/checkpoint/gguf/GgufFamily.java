package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.tensor.UserException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The architectures of llama.cpp that models can be exported to and read from, and what their
/// tensors are called there. Source: gguf-py, `constants.py` and `tensor_mapping.py`; llama.cpp,
/// `src/llama-arch.cpp`.
public enum GgufFamily {
  /// Llama, and Mistral, which computes the same.
  LLAMA("llama", true),
  QWEN2("qwen2", false);

  /// Factors of the rotary frequencies, where they are scaled; not a weight in Hugging Face.
  public static final String ROPE_FACTORS = "rope_freqs.weight";

  public static final String EMBEDDING = "token_embd.weight";
  public static final String OUTPUT = "output.weight";

  private static final Map<String, String> GLOBAL =
      Map.of(
          Architecture.EMBEDDING, EMBEDDING,
          Architecture.FINAL_NORM, "output_norm.weight",
          Architecture.OUTPUT_HEAD, OUTPUT);

  /// Modules of a decoder block.
  private static final Map<String, String> BLOCK =
      Map.of(
          "input_layernorm", "attn_norm",
          "self_attn.q_proj", "attn_q",
          "self_attn.k_proj", "attn_k",
          "self_attn.v_proj", "attn_v",
          "self_attn.o_proj", "attn_output",
          "post_attention_layernorm", "ffn_norm",
          "mlp.gate_proj", "ffn_gate",
          "mlp.up_proj", "ffn_up",
          "mlp.down_proj", "ffn_down");

  private static final Pattern HF_NAME =
      Pattern.compile("model\\.layers\\.(0|[1-9]\\d{0,8})\\.(.+)\\.(weight|bias)");
  private static final Pattern GGUF_NAME =
      Pattern.compile("blk\\.(0|[1-9]\\d{0,8})\\.(.+)\\.(weight|bias)");

  private final String architecture;
  private final boolean permuted;

  GgufFamily(String architecture, boolean permuted) {
    this.architecture = architecture;
    this.permuted = permuted;
  }

  /// The family a model is exported to.
  ///
  /// @throws UserException if llama.cpp's counterpart is not known
  public static GgufFamily of(ModelConfig config) {
    return switch (config.modelType()) {
      case "llama", "mistral" -> LLAMA;
      case "qwen2" -> QWEN2;
      default ->
          throw new UserException(
              "A model of type '"
                  + config.modelType()
                  + "' cannot be written as GGUF yet; possible are llama, mistral and qwen2.");
    };
  }

  /// The family of a file.
  ///
  /// @param architecture the value of `general.architecture`
  /// @throws UserException if it is not supported
  public static GgufFamily of(String architecture, String source) {
    for (GgufFamily family : values()) {
      if (family.architecture.equals(architecture)) {
        return family;
      }
    }
    throw new UserException(
        "Architecture '%s' of %s is not supported yet; supported: llama (also Mistral), qwen2."
            .formatted(architecture, source));
  }

  /// The value of `general.architecture`, which also begins the model's keys.
  public String architecture() {
    return architecture;
  }

  /// The name in a GGUF file, such as `blk.0.attn_q.weight`, or null if the family has no such
  /// tensor.
  ///
  /// @param huggingFace such as `model.layers.0.self_attn.q_proj.weight`
  public @Nullable String toGguf(String huggingFace) {
    @Nullable String global = GLOBAL.get(huggingFace);
    Matcher matcher = HF_NAME.matcher(huggingFace);
    if (global != null || !matcher.matches()) {
      return global;
    }
    @Nullable String module = BLOCK.get(matcher.group(2));
    return module == null
        ? null
        : "blk." + matcher.group(1) + "." + module + "." + matcher.group(3);
  }

  /// The reverse of `toGguf`.
  public @Nullable String toHuggingFace(String gguf) {
    @Nullable String global = reversed(GLOBAL).get(gguf);
    Matcher matcher = GGUF_NAME.matcher(gguf);
    if (global != null || !matcher.matches()) {
      return global;
    }
    @Nullable String module = reversed(BLOCK).get(matcher.group(2));
    return module == null
        ? null
        : "model.layers." + matcher.group(1) + "." + module + "." + matcher.group(3);
  }

  private static Map<String, String> reversed(Map<String, String> names) {
    Map<String, String> reversed = new LinkedHashMap<>();
    names.forEach((key, value) -> reversed.put(value, key));
    return reversed;
  }

  /// How the rows of this weight or bias are ordered in the file, or null if as in Hugging Face.
  ///
  /// @param huggingFace such as `model.layers.0.self_attn.q_proj.weight`
  public @Nullable RowPermutation permutation(String huggingFace, ModelConfig config) {
    if (!permuted) {
      return null;
    }
    Matcher matcher = HF_NAME.matcher(huggingFace);
    if (!matcher.matches()) {
      return null;
    }
    return switch (matcher.group(2)) {
      case "self_attn.q_proj" -> new RowPermutation(config.numAttentionHeads(), config.headDim());
      case "self_attn.k_proj" -> new RowPermutation(config.numKeyValueHeads(), config.headDim());
      default -> null;
    };
  }
}
