package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.quantize.QuantizeReport;
import dev.fettle.quantize.TensorReport;
import java.io.PrintStream;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle quantize` answers: a row per tensor and the sizes.
final class QuantizeAnswer {
  private QuantizeAnswer() {}

  static void print(QuantizeReport report, PrintStream out) {
    Table table =
        new Table()
            .left("tensor")
            .left("shape")
            .right("size")
            .right("bits/weight")
            .right("rmse")
            .right("max error")
            .right("SQNR dB");
    for (TensorReport tensor : report.tensors()) {
      table.row(
          tensor.name(),
          tensor.shape().toString(),
          Units.bytes(tensor.outputBytes()),
          Units.fixed(tensor.bitsPerWeight(), 2),
          Units.scientific(tensor.error().rmse()),
          Units.scientific(tensor.error().maxAbs()),
          Units.fixed(tensor.error().sqnrDb(), 1));
    }
    table.print(out);
    out.println();
    out.println(
        "%s: %s -> %s, %s per weight (%s in the %d quantized tensors), %s"
            .formatted(
                report.schemes(),
                Units.bytes(report.inputBytes()),
                Units.bytes(report.outputBytes()),
                Units.bits(report.bitsPerWeight()),
                Units.fixed(report.bitsPerQuantizedWeight(), 2),
                report.tensors().size(),
                Units.duration(report.seconds())));
  }

  static ObjectNode json(QuantizeReport report) {
    ObjectNode json =
        Json.object()
            .put("scheme", report.schemes())
            .put("bits_per_weight", report.bitsPerWeight())
            .put("bits_per_quantized_weight", report.bitsPerQuantizedWeight())
            .put("seconds", report.seconds())
            .put("parameters", report.parameters())
            .put("input_bytes", report.inputBytes())
            .put("output_bytes", report.outputBytes());
    ArrayNode tensors = json.putArray("tensors");
    for (TensorReport tensor : report.tensors()) {
      tensors.add(json(tensor));
    }
    return json;
  }

  private static ObjectNode json(TensorReport tensor) {
    ObjectNode json = Json.object().put("name", tensor.name());
    ArrayNode shape = json.putArray("shape");
    for (long dim : tensor.shape().toArray()) {
      shape.add(dim);
    }
    return json.put("dtype", tensor.dtype().torchName())
        .put("scheme", tensor.scheme().toString())
        .put("input_bytes", tensor.inputBytes())
        .put("output_bytes", tensor.outputBytes())
        .put("bits_per_weight", tensor.bitsPerWeight())
        .put("mse", tensor.error().mse())
        .put("rmse", tensor.error().rmse())
        .put("max_abs_error", tensor.error().maxAbs())
        .put("sqnr_db", tensor.error().sqnrDb())
        .put("cosine", tensor.error().cosine());
  }
}
