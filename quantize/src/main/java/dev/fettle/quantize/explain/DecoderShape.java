package dev.fettle.quantize.explain;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.UserException;
import tools.jackson.databind.node.ObjectNode;

/// The sizes of a decoder with gated feed-forward blocks; enough to count its parameters.
///
/// @param intermediate width of the feed-forward block
/// @param keyValueHeads heads of keys and values
/// @param tied whether the output head is the embedding
/// @param fused whether q, k and v are one linear layer, and gate and up another
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
    boolean fused,
    long biases,
    long normWidths) {
  /// The families of well-known shapes differ in biases and norms: Qwen2 has a bias on q, k and v;
  /// Gemma 2 and 3 have four norms in a block, Gemma 3 and Qwen3 also norms over each head of q and
  /// k; Phi-3 has one layer for q, k and v and one for gate and up.
  enum Family {
    PLAIN,
    FUSED,
    QWEN2,
    QWEN3,
    GEMMA2,
    GEMMA3
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
          case PLAIN, FUSED, QWEN2 -> 2 * hidden;
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
        family == Family.FUSED,
        biases,
        norms);
  }

  /// The shape a `config.json` describes.
  ///
  /// @throws UserException if a size is missing or out of range, or the family is not supported
  public static DecoderShape parse(String name, ObjectNode config, String source) {
    ModelConfig model = ModelConfig.parse(config, source);
    long biases = 0;
    long norms = 0;
    for (TensorInfo tensor : Architecture.of(model).tensors()) {
      if (tensor.name().startsWith("model.layers.0.") && tensor.shape().rank() == 1) {
        boolean bias = tensor.name().endsWith(".bias");
        biases += bias ? tensor.shape().elements() : 0;
        norms += bias ? 0 : tensor.shape().elements();
      }
    }
    return new DecoderShape(
        name,
        model.vocabSize(),
        model.hiddenSize(),
        model.intermediateSize(),
        model.numHiddenLayers(),
        model.numAttentionHeads(),
        model.numKeyValueHeads(),
        model.headDim(),
        model.tieWordEmbeddings(),
        model.fusedProjections(),
        biases,
        norms);
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
    long columns = (fused ? 2 : 5) * hidden + (long) headDim * heads + intermediate;
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
