package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.export.ConversionReport;
import dev.fettle.export.ConvertedTensor;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a conversion did, for a person and for a program.
final class ConversionAnswer {
  private ConversionAnswer() {}

  /// A row for each pair of formats, then whether the model is the same.
  static void print(ConversionReport report, PrintStream out) {
    Map<String, List<ConvertedTensor>> kinds = new LinkedHashMap<>();
    for (ConvertedTensor tensor : report.tensors()) {
      kinds
          .computeIfAbsent(
              tensor.from() + "\n" + tensor.to() + "\n" + tensor.exact(), key -> new ArrayList<>())
          .add(tensor);
    }
    if (!kinds.isEmpty()) {
      Table table =
          new Table()
              .left("from")
              .left("to")
              .right("tensors")
              .left("numbers")
              .right("largest error")
              .right("worst SQNR (dB)");
      kinds.values().forEach(kind -> addRow(table, kind));
      table.print(out);
      out.println();
    }
    out.println(
        "%s: %s -> %s in %s"
            .formatted(
                report.output(),
                Units.bytes(report.inputBytes()),
                Units.bytes(report.outputBytes()),
                Units.duration(report.seconds())));
    out.println(verdict(report));
    report.notes().forEach(out::println);
  }

  private static void addRow(Table table, List<ConvertedTensor> kind) {
    ConvertedTensor first = kind.getFirst();
    double largest = kind.stream().mapToDouble(tensor -> tensor.error().maxAbs()).max().orElse(0);
    double worst = kind.stream().mapToDouble(tensor -> tensor.error().sqnrDb()).min().orElse(0);
    table.row(
        first.from(),
        first.to(),
        Units.count(kind.size()),
        first.exact() ? "the same" : "rounded",
        first.exact() ? "0" : Units.scientific(largest),
        first.exact() ? "–" : Units.fixed(worst, 1));
  }

  private static String verdict(ConversionReport report) {
    return report.exact()
        ? "Exact: every weight is the same number as before."
        : "Not exact: %d of %d converted tensors were rounded again; 'fettle evaluate --compare' measures what that does to the predictions."
            .formatted(report.inexact(), report.tensors().size());
  }

  static ObjectNode json(ConversionReport report) {
    ObjectNode json =
        Json.object()
            .put("output", report.output().toString())
            .put("input_bytes", report.inputBytes())
            .put("output_bytes", report.outputBytes())
            .put("seconds", report.seconds())
            .put("exact", report.exact());
    ArrayNode notes = json.putArray("notes");
    report.notes().forEach(notes::add);
    ArrayNode tensors = json.putArray("tensors");
    for (ConvertedTensor tensor : report.tensors()) {
      ObjectNode node =
          tensors
              .addObject()
              .put("name", tensor.name())
              .put("from", tensor.from())
              .put("to", tensor.to())
              .put("exact", tensor.exact())
              .put("max_abs_error", tensor.error().maxAbs())
              .put("rmse", tensor.error().rmse());
      if (!tensor.exact()) {
        node.put("sqnr_db", tensor.error().sqnrDb());
      }
    }
    return json;
  }
}
