package dev.fettle.quantize.explain;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;

/// What training takes for weights, gradients and optimizer, by method. The shares of a trained
/// parameter are those of Fettle: float32 value and gradient, AdamW's two moments, and a 16-bit
/// copy to compute with.
///
/// @param loraRank of the adapters
/// @param methods in the order of falling memory
record TrainingMemory(int loraRank, List<Method> methods) {
  private static final double VALUE_AND_GRADIENT = 4 + 4;
  private static final double COPY = 2;
  private static final double MOMENTS = 4 + 4;

  /// Two bytes, and a 4-byte scale per 256 of each. Source: Dettmers et al., 8-bit Optimizers
  /// (arXiv:2110.02861), section 2.
  private static final double MOMENTS_8BIT = 2 * (1 + 4.0 / 256);

  /// @param frozen bytes of the weights that are not trained
  /// @param trained number of trained parameters
  /// @param moments bytes of the optimizer for each of them
  record Method(String name, double frozen, long trained, double moments, String formula) {
    double optimizer() {
      return trained * moments;
    }

    double rest() {
      return trained * (VALUE_AND_GRADIENT + COPY);
    }

    double total() {
      return frozen + optimizer() + rest();
    }
  }

  /// @param base16 bytes of the frozen base in 16 bits
  /// @param base4 bytes of the frozen base in NF4 with double quantization
  static TrainingMemory of(DecoderShape shape, int loraRank, double base16, double base4) {
    long all = shape.parameters();
    long adapter = loraRank * shape.linearInAndOut();
    return new TrainingMemory(
        loraRank,
        List.of(
            new Method("full", 0, all, MOMENTS, "18 · N"),
            new Method("full, 8-bit AdamW", 0, all, MOMENTS_8BIT, "12.03 · N"),
            new Method("LoRA", base16, adapter, MOMENTS, "2 · N + 18 · P"),
            new Method("QLoRA", base4, adapter, MOMENTS, "nf4 double + 18 · P"),
            new Method(
                "QLoRA, 8-bit AdamW", base4, adapter, MOMENTS_8BIT, "nf4 double + 12.03 · P")));
  }

  Part table() {
    List<List<String>> rows = new ArrayList<>();
    for (Method method : methods) {
      rows.add(
          List.of(
              method.name(),
              MemoryExplanation.count(method.trained()),
              method.frozen() == 0 ? "–" : MemoryExplanation.size(method.frozen()),
              MemoryExplanation.size(method.rest()),
              MemoryExplanation.size(method.optimizer()),
              MemoryExplanation.size(method.total()),
              method.formula()));
    }
    return new Part.Table(
        "Training in bfloat16; N parameters, P of them in LoRA of rank %d on all linear layers"
            .formatted(loraRank),
        List.of(
            Part.Column.text("method"),
            Part.Column.number("trained"),
            Part.Column.number("frozen base"),
            Part.Column.number("values, gradients"),
            Part.Column.number("optimizer"),
            Part.Column.number("together"),
            Part.Column.text("bytes")),
        rows);
  }

  void addTo(ArrayNode json) {
    for (Method method : methods) {
      json.addObject()
          .put("method", method.name())
          .put("trained", method.trained())
          .put("base_bytes", Math.round(method.frozen()))
          .put("value_and_gradient_bytes", Math.round(method.rest()))
          .put("optimizer_bytes", Math.round(method.optimizer()))
          .put("bytes", Math.round(method.total()));
    }
  }
}
