package dev.fettle.cli;

import dev.fettle.calibrate.block.BlockwiseReport;
import dev.fettle.calibrate.block.LayerReport;
import java.io.PrintStream;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What an algorithm made of each layer, beside rounding to nearest.
final class BlockwiseAnswer {
  private BlockwiseAnswer() {}

  static void print(BlockwiseReport report, PrintStream out) {
    Table table =
        new Table().left("layer").right("output error").right("of rtn").right("ratio").left("note");
    for (LayerReport layer : report.layers()) {
      table.row(
          layer.name(),
          Units.scientific(layer.outputError()),
          Units.scientific(layer.nearestError()),
          Units.fixed(ratio(layer), 2),
          layer.note());
    }
    table.print(out);
    out.println();
    out.println(
        "output error: squared change of the layer's outputs on the calibration text, relative");
    if (!report.fallbacks().isEmpty()) {
      out.println(
          "%d of %d layers were rounded to nearest because the algorithm could not work"
              .formatted(report.fallbacks().size(), report.layers().size()));
    }
    out.println();
  }

  private static double ratio(LayerReport layer) {
    return layer.nearestError() == 0 ? 1 : layer.outputError() / layer.nearestError();
  }

  /// Adds the layers to the answer of the folder.
  static ObjectNode add(ObjectNode json, String algorithm, BlockwiseReport report) {
    json.put("algorithm", algorithm);
    json.put("seconds", report.seconds());
    ArrayNode layers = json.putArray("layers");
    report.layers().forEach(layer -> layers.add(layer.toJson()));
    return json;
  }
}
