package dev.fettle.checkpoint.gguf;

import static dev.fettle.checkpoint.gguf.GgufTrait.BRANCH_NORMS;
import static dev.fettle.checkpoint.gguf.GgufTrait.DIVISORS;
import static dev.fettle.checkpoint.gguf.GgufTrait.FUSED;
import static dev.fettle.checkpoint.gguf.GgufTrait.GEMMA;
import static dev.fettle.checkpoint.gguf.GgufTrait.INTERLEAVED_ROTARY;
import static dev.fettle.checkpoint.gguf.GgufTrait.LOCAL_ROTARY;
import static dev.fettle.checkpoint.gguf.GgufTrait.LOGITS_CAP;
import static dev.fettle.checkpoint.gguf.GgufTrait.MLP_BIAS;
import static dev.fettle.checkpoint.gguf.GgufTrait.MULTIPLIERS;
import static dev.fettle.checkpoint.gguf.GgufTrait.OUTPUT_BIAS;
import static dev.fettle.checkpoint.gguf.GgufTrait.OWN_HEAD;
import static dev.fettle.checkpoint.gguf.GgufTrait.PARTIAL_ROTARY;
import static dev.fettle.checkpoint.gguf.GgufTrait.QUERY_KEY_NORMS;
import static dev.fettle.checkpoint.gguf.GgufTrait.SHORT_AND_LONG_DIVISORS;
import static dev.fettle.checkpoint.gguf.GgufTrait.SOFT_CAPS;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The architectures of llama.cpp that models can be exported to and read from; all that differs
/// between them is in these constants. Source: llama.cpp, `conversion/` and `src/models/`; gguf-py,
/// `constants.py` and `tensor_mapping.py`.
public enum GgufFamily {
  /// Llama, and Mistral, which computes the same.
  LLAMA(
      "llama",
      List.of("llama", "mistral"),
      INTERLEAVED_ROTARY,
      OWN_HEAD,
      OUTPUT_BIAS,
      MLP_BIAS,
      DIVISORS,
      SHORT_AND_LONG_DIVISORS),
  QWEN2("qwen2", List.of("qwen2"), OWN_HEAD),
  QWEN3("qwen3", List.of("qwen3"), OWN_HEAD, QUERY_KEY_NORMS),
  GEMMA_1("gemma", List.of("gemma"), GEMMA),
  GEMMA_2("gemma2", List.of("gemma2"), GEMMA, BRANCH_NORMS, SOFT_CAPS),
  GEMMA_3(
      "gemma3",
      List.of("gemma3_text"),
      GEMMA,
      BRANCH_NORMS,
      QUERY_KEY_NORMS,
      LOCAL_ROTARY,
      OWN_HEAD,
      LOGITS_CAP),
  PHI3("phi3", List.of("phi3"), OWN_HEAD, FUSED, SHORT_AND_LONG_DIVISORS, PARTIAL_ROTARY),
  SMOLLM3("smollm3", List.of("smollm3"), INTERLEAVED_ROTARY, OWN_HEAD),
  GRANITE(
      "granite",
      List.of("granite"),
      INTERLEAVED_ROTARY,
      OWN_HEAD,
      OUTPUT_BIAS,
      MLP_BIAS,
      DIVISORS,
      SHORT_AND_LONG_DIVISORS,
      MULTIPLIERS);

  /// Divisors of the rotary frequencies, where they are scaled; not weights in Hugging Face.
  public static final String ROPE_FACTORS = "rope_freqs.weight";

  public static final String SHORT_FACTORS = "rope_factors_short.weight";
  public static final String LONG_FACTORS = "rope_factors_long.weight";

  /// The three above.
  public static final Set<String> ALL_ROPE_FACTORS =
      Set.of(ROPE_FACTORS, SHORT_FACTORS, LONG_FACTORS);

  public static final String EMBEDDING = "token_embd.weight";
  public static final String OUTPUT = "output.weight";

  private final String architecture;
  private final List<String> modelTypes;
  private final Set<GgufTrait> traits;
  private final TensorNames names;

  GgufFamily(String architecture, List<String> modelTypes, GgufTrait... traits) {
    this.architecture = architecture;
    this.modelTypes = modelTypes;
    this.traits = Set.copyOf(EnumSet.copyOf(List.of(traits)));
    this.names = TensorNames.of(this.traits);
  }

  /// The period of the layers that have a sliding window, when the file does not say: all but the
  /// last of each period; 0 if llama.cpp gives none a window.
  int windowPeriod() {
    return switch (this) {
      case GEMMA_2 -> 2;
      case GEMMA_3 -> 6;
      case LLAMA, QWEN2, QWEN3, GEMMA_1, PHI3, SMOLLM3, GRANITE -> 0;
    };
  }

  /// Whether queries and keys of a layer are rotated; SmolLM3 leaves out every fourth layer.
  boolean rotates(int layer) {
    return this != SMOLLM3 || (layer + 1) % 4 != 0;
  }

  /// What llama.cpp multiplies the products of queries and keys with, where the file does not say:
  /// `1/√headDim`, but `1/√(hidden/heads)` in the Gemma models of 27 billion parameters, which it
  /// knows by their number of layers.
  double attentionScale(int layers, int hiddenSize, int heads, int headDim) {
    boolean byWidth = (this == GEMMA_2 && layers == 46) || (this == GEMMA_3 && layers == 62);
    return 1 / Math.sqrt(byWidth ? hiddenSize / heads : headDim);
  }

  /// The family a model is exported to.
  ///
  /// @throws UserException if llama.cpp's counterpart is not known
  public static GgufFamily of(ModelConfig config) {
    return Arrays.stream(values())
        .filter(family -> family.modelTypes.contains(config.modelType()))
        .findFirst()
        .orElseThrow(() ->
            new UserException(
                "A model of type '%s' cannot be written as GGUF yet; possible are %s."
                    .formatted(
                        config.modelType(),
                        Arrays.stream(values())
                            .flatMap(family -> family.modelTypes.stream())
                            .collect(Collectors.joining(", ")))));
  }

  /// The family of a file.
  ///
  /// @param architecture the value of `general.architecture`
  /// @throws UserException if it is not supported
  public static GgufFamily of(String architecture, String source) {
    return Arrays.stream(values())
        .filter(family -> family.architecture.equals(architecture))
        .findFirst()
        .orElseThrow(() ->
            new UserException(
                "Architecture '%s' of %s is not supported yet; supported: %s."
                    .formatted(
                        architecture,
                        source,
                        Arrays.stream(values())
                            .map(GgufFamily::architecture)
                            .collect(Collectors.joining(", ")))));
  }

  /// The value of `general.architecture`, which also begins the model's keys.
  public String architecture() {
    return architecture;
  }

  /// The value of `model_type` of a model that is read from a file.
  ///
  /// @param window whether the file has a sliding window
  String modelType(boolean window) {
    return window ? modelTypes.getLast() : modelTypes.getFirst();
  }

  boolean has(GgufTrait trait) {
    return traits.contains(trait);
  }

  /// The name in a GGUF file, such as `blk.0.attn_q.weight`, or null if the family has no such
  /// tensor.
  ///
  /// @param huggingFace such as `model.layers.0.self_attn.q_proj.weight`
  public @Nullable String toGguf(String huggingFace) {
    return names.toGguf(huggingFace);
  }

  /// The name in a GGUF file of the weight of a linear layer, which is the same in every family
  /// that has such a layer; null if none has.
  public static @Nullable String linearWeight(String huggingFace) {
    return Arrays.stream(values())
        .map(family -> family.toGguf(huggingFace))
        .filter(Objects::nonNull)
        .findFirst()
        .orElse(null);
  }

  /// The reverse of `toGguf`.
  public @Nullable String toHuggingFace(String gguf) {
    return names.toHuggingFace(gguf);
  }

  /// What is done to this weight or bias on its way into a file.
  ///
  /// @param huggingFace such as `model.layers.0.self_attn.q_proj.weight`
  public WeightChange change(String huggingFace, ModelConfig config) {
    return new WeightChange(permutation(huggingFace, config), shift(huggingFace), 1)
        .times(scale(huggingFace, config));
  }

  /// How the rows of this weight or bias are ordered in the file, or null if as in Hugging Face.
  ///
  /// @param huggingFace such as `model.layers.0.self_attn.q_proj.weight`
  public @Nullable RowPermutation permutation(String huggingFace, ModelConfig config) {
    if (!has(INTERLEAVED_ROTARY)) {
      return null;
    }
    return switch (TensorNames.module(huggingFace)) {
      case "self_attn.q_proj" -> new RowPermutation(config.numAttentionHeads(), config.headDim());
      case "self_attn.k_proj" -> new RowPermutation(config.numKeyValueHeads(), config.headDim());
      default -> null;
    };
  }

  /// What is added to this tensor in a file: 1 to the gains of norms of Gemma, else 0.
  public int shift(String huggingFace) {
    return has(GEMMA) && huggingFace.endsWith("norm.weight") ? 1 : 0;
  }

  /// Where llama.cpp multiplies the products of queries and keys with another number than the
  /// model, the queries carry the quotient.
  private double scale(String huggingFace, ModelConfig config) {
    String carrier = has(QUERY_KEY_NORMS) ? "self_attn.q_norm" : "self_attn.q_proj";
    if (has(MULTIPLIERS) || !TensorNames.module(huggingFace).equals(carrier)) {
      return 1;
    }
    return config.attentionScale()
        / attentionScale(
            config.numHiddenLayers(),
            config.hiddenSize(),
            config.numAttentionHeads(),
            config.headDim());
  }
}
