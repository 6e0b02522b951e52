package dev.fettle.quantize.explain;

import dev.fettle.checkpoint.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// How much memory the weights of a model take in each format, and what training adds.
public final class MemoryExplanation {
  private MemoryExplanation() {}

  /// A format of the linear layers.
  ///
  /// @param bits of a weight, its share of the scales left out
  /// @param overhead bytes of the scales beside `n` weights in `rows` rows
  private record Format(String name, double bits, Overhead overhead, String formula) {}

  private interface Overhead {
    double bytes(long weights, long rows);
  }

  private static final Format BF16 = new Format("fp16, bf16", 16, (_, _) -> 0, "2 bytes");

  private static final Format NF4_DOUBLE =
      new Format(
          "nf4 double",
          4,
          (n, _) -> n / 64.0 + n / 64.0 / 256 * 4,
          "1/2 byte, a 1-byte scale per 64, 4 bytes per 256 of these");

  private static final List<Format> FORMATS =
      List.of(
          new Format("fp32", 32, (_, _) -> 0, "4 bytes"),
          BF16,
          new Format("int8", 8, (_, rows) -> 4.0 * rows, "1 byte, a 4-byte scale per row"),
          new Format("int4", 4, (n, _) -> n / 64.0, "1/2 byte, a 2-byte scale per 128"),
          new Format("nf4", 4, (n, _) -> n / 16.0, "1/2 byte, a 4-byte scale per 64"),
          NF4_DOUBLE);

  /// @param loraRank of the adapters in the part about training
  public static Explanation of(DecoderShape shape, int loraRank) {
    long parameters = shape.parameters();
    List<Part> parts = new ArrayList<>();
    parts.add(counting(shape));
    List<List<String>> rows = new ArrayList<>();
    List<Part.Bar> bars = new ArrayList<>();
    ObjectNode json = Json.object().put("model", shape.name()).put("parameters", parameters);
    json.put("linear_weights", shape.linearWeights());
    ArrayNode formats = json.putArray("weights");
    for (Format format : FORMATS) {
      double all = parameters * format.bits() / 8;
      double stored = stored(shape, format);
      rows.add(
          List.of(
              format.name(),
              size(all),
              size(stored),
              String.format(Locale.ROOT, "%.2f", 8 * stored / parameters),
              format.formula()));
      bars.add(new Part.Bar(format.name(), stored, size(stored)));
      formats
          .addObject()
          .put("format", format.name())
          .put("bytes_every_parameter", Math.round(all))
          .put("bytes_stored", Math.round(stored))
          .put("bits_per_weight", 8 * stored / parameters);
    }
    parts.add(
        new Part.Table(
            "Weights",
            List.of(
                Part.Column.text("format"),
                Part.Column.number("every parameter"),
                Part.Column.number("as stored"),
                Part.Column.number("bits/weight"),
                Part.Column.text("a weight of a linear layer takes")),
            rows));
    parts.add(new Part.Bars("", bars));
    parts.add(rounded(parameters));
    TrainingMemory training =
        TrainingMemory.of(shape, loraRank, stored(shape, BF16), stored(shape, NF4_DOUBLE));
    training.addTo(json.putArray("training"));
    parts.add(training.table());
    parts.add(
        new Part.Text(
            "",
            List.of(
                "A trained parameter takes 18 bytes: float32 value 4, gradient 4, AdamW's moments 4 + 4, and the 16-bit copy that computes 2. With 8-bit moments it takes 4 + 4 + 1 + 1 + 2 and 2 · 4 / 256 for their scales, 12.03. A frozen one takes what it is stored in.",
                "Activations come on top: they grow with batch size × sequence length and depend on whether they are computed again (--gradient-checkpointing).")));
    return new Explanation("Memory of " + shape.name(), parts, json);
  }

  private static Part counting(DecoderShape shape) {
    long tables = shape.vocabulary() * shape.hidden();
    return new Part.Steps(
        "%s: %s parameters".formatted(shape.name(), count(shape.parameters())),
        List.of(
            "linear layers  %17s  %d blocks: q, k, v, o and gate, up, down"
                .formatted(count(shape.linearWeights()), shape.layers()),
            "embedding      %17s  %s words × %s%s"
                .formatted(
                    count(tables),
                    count(shape.vocabulary()),
                    count(shape.hidden()),
                    shape.tied() ? ", output head included (tied)" : ""),
            "output head    %17s".formatted(shape.tied() ? "0" : count(tables)),
            "norms, biases  %17s"
                .formatted(
                    count(
                        shape.parameters()
                            - shape.linearWeights()
                            - tables * (shape.tied() ? 1 : 2)))));
  }

  /// Linear layers in the format, everything else in 16 bits where the format has fewer.
  private static double stored(DecoderShape shape, Format format) {
    long linear = shape.linearWeights();
    double rest = (shape.parameters() - linear) * (format.bits() > 16 ? 4.0 : 2.0);
    return rest + linear * format.bits() / 8 + format.overhead().bytes(linear, shape.linearRows());
  }

  private static Part rounded(long parameters) {
    double billions = parameters / 1e9;
    if (billions < 0.95) {
      return new Part.Text("", List.of(columns()));
    }
    long whole = Math.round(billions);
    return new Part.Text(
        "",
        List.of(
            "In round numbers: %d billion parameters × 4 bytes = %d GB in fp32, × 2 bytes = %d GB in fp16, × 1 byte = %d GB in int8, × 1/2 byte = %s GB in 4 bits."
                .formatted(
                    whole,
                    4 * whole,
                    2 * whole,
                    whole,
                    String.format(Locale.ROOT, whole % 2 == 0 ? "%.0f" : "%.1f", whole / 2.0)),
            columns()));
  }

  private static String columns() {
    return "\"Every parameter\" counts all of them at the bits of the format. \"As stored\" is what quantizers write: the linear layers in the format with their scales, embedding, output head and norms in 16 bits.";
  }

  static String size(double bytes) {
    if (bytes < 1e6) {
      return String.format(Locale.ROOT, "%.0f bytes", bytes);
    }
    return bytes < 1e9 * 0.9995
        ? String.format(Locale.ROOT, bytes < 1e8 ? "%.1f MB" : "%.0f MB", bytes / 1e6)
        : String.format(Locale.ROOT, "%.2f GB", bytes / 1e9);
  }

  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }
}
