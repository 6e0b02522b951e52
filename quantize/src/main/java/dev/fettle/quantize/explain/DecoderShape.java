package dev.fettle.quantize.explain;

import dev.fettle.tensor.UserException;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The sizes of a decoder with gated feed-forward blocks; enough to count its parameters.
///
/// @param intermediate width of the feed-forward block
/// @param keyValueHeads heads of keys and values
/// @param tied whether the output head is the embedding
/// @param biases of the linear layers, together, in one block
/// @param normWidths parameters of all norms of one block, together
public record DecoderShape(
    String name,
    long vocabulary,
    long hidden,
    long intermediate,
    int layers,
    int heads,
    int keyValueHeads,
    int headDim,
    boolean tied,
    long biases,
    long normWidths) {
  private static final int MAX_LAYERS = 10_000;

  /// The families differ in biases and norms: Qwen2 has a bias on q, k and v; Gemma 2 and 3 have
  /// four norms in a block, Gemma 3 and Qwen3 also norms over each head of q and k.
  enum Family {
    PLAIN,
    QWEN2,
    QWEN3,
    GEMMA,
    GEMMA2,
    GEMMA3;

    boolean tiedByDefault() {
      return switch (this) {
        case GEMMA, GEMMA2, GEMMA3 -> true;
        case PLAIN, QWEN2, QWEN3 -> false;
      };
    }

    static Family of(String modelType, String source) {
      return switch (modelType) {
        case "llama", "mistral", "phi3", "smollm" -> PLAIN;
        case "qwen2" -> QWEN2;
        case "qwen3" -> QWEN3;
        case "gemma" -> GEMMA;
        case "gemma2" -> GEMMA2;
        case "gemma3_text" -> GEMMA3;
        default ->
            throw new UserException(
                "model_type '%s' in %s is not one whose memory can be explained: llama, mistral, phi3, qwen2, qwen3, gemma, gemma2, gemma3_text."
                    .formatted(modelType, source));
      };
    }
  }

  /// A shape of a family, with its biases and norms.
  static DecoderShape of(
      String name,
      Family family,
      long vocabulary,
      long hidden,
      long intermediate,
      int layers,
      int heads,
      int keyValueHeads,
      int headDim,
      boolean tied) {
    long biases =
        family == Family.QWEN2 ? (long) headDim * heads + 2L * headDim * keyValueHeads : 0;
    long norms =
        switch (family) {
          case PLAIN, QWEN2, GEMMA -> 2 * hidden;
          case QWEN3 -> 2 * hidden + 2L * headDim;
          case GEMMA2 -> 4 * hidden;
          case GEMMA3 -> 4 * hidden + 2L * headDim;
        };
    return new DecoderShape(
        name,
        vocabulary,
        hidden,
        intermediate,
        layers,
        heads,
        keyValueHeads,
        headDim,
        tied,
        biases,
        norms);
  }

  /// The shape a `config.json` describes.
  ///
  /// @throws UserException if a size is missing or out of range, or the family is another one
  public static DecoderShape parse(String name, ObjectNode config, String source) {
    JsonNode type = config.get("model_type");
    if (type == null || !type.isString()) {
      throw new UserException("Key 'model_type' (text) is missing in " + source + ".");
    }
    Family family = Family.of(type.stringValue(), source);
    int hidden = size(config, "hidden_size", source, null);
    int heads = size(config, "num_attention_heads", source, null);
    JsonNode tied = config.get("tie_word_embeddings");
    int layers = size(config, "num_hidden_layers", source, null);
    if (layers > MAX_LAYERS) {
      throw new UserException(
          "Key 'num_hidden_layers' in %s is %d; at most %d can be explained."
              .formatted(source, layers, MAX_LAYERS));
    }
    return of(
        name,
        family,
        size(config, "vocab_size", source, null),
        hidden,
        size(config, "intermediate_size", source, null),
        layers,
        heads,
        size(config, "num_key_value_heads", source, heads),
        size(config, "head_dim", source, Math.max(1, hidden / heads)),
        tied == null ? family.tiedByDefault() : tied.asBoolean());
  }

  private static int size(
      ObjectNode config, String key, String source, @Nullable Integer fallback) {
    @Nullable JsonNode node = config.get(key);
    if ((node == null || node.isNull()) && fallback != null) {
      return fallback;
    }
    if (node == null
        || !node.isIntegralNumber()
        || !node.canConvertToInt()
        || node.intValue() < 1) {
      throw new UserException(
          "Key '%s' in %s must be a positive whole number, not %s."
              .formatted(key, source, node == null ? "absent" : node));
    }
    return node.intValue();
  }

  /// Parameters of the linear layers of all blocks, without biases: what a quantizer packs.
  public long linearWeights() {
    return layers
        * (hidden * attentionRows() + (long) headDim * heads * hidden + 3 * hidden * intermediate);
  }

  /// Rows of the linear layers of all blocks, one scale each at "per channel".
  public long linearRows() {
    return layers * (attentionRows() + 2 * hidden + 2 * intermediate);
  }

  /// Input plus output features over the linear layers of all blocks: what each rank of LoRA adds.
  public long linearInAndOut() {
    long columns = 3 * hidden + (long) headDim * heads + 2 * hidden + intermediate;
    return linearRows() + layers * columns;
  }

  /// All parameters; a tied output head counts once.
  public long parameters() {
    long tables = vocabulary * hidden * (tied ? 1 : 2);
    return tables + linearWeights() + layers * (biases + normWidths) + hidden;
  }

  /// Outputs of the q, k and v projections together.
  private long attentionRows() {
    return (long) headDim * (heads + 2L * keyValueHeads);
  }
}
