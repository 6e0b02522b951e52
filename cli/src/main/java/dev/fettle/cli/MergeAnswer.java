package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.evaluate.KlDistribution;
import dev.fettle.export.merge.DeltaSurvival;
import dev.fettle.export.merge.LowBitMerge;
import dev.fettle.export.merge.MergeCandidate;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What became of an adapter, for a person and for a program.
final class MergeAnswer {
  /// Layers shown to a person: those that lose most. A program gets all of them.
  private static final int SHOWN = 8;

  private MergeAnswer() {}

  static void print(LowBitMerge.Result result, Path output, PrintStream out) {
    MergeCandidate chosen = result.chosen();
    printLayers(chosen.layers(), out);
    if (result.candidates().size() > 1) {
      printCandidates(result, out);
    } else if (chosen.kl() != null) {
      KlDistribution kl = chosen.kl();
      out.println(
          "KL to base and adapter side by side: %s nats, the same top token at %s %% of %s positions"
              .formatted(
                  Units.scientific(kl.mean()),
                  Units.fixed(100 * kl.sameTop(), 2),
                  Units.count(kl.positions())));
    }
    out.println(
        "merged the adapter into %d layers of the %s -> %s: %s; %s %% of the change is lost"
            .formatted(
                chosen.layers().size(),
                chosen.target().text(),
                output,
                Units.bytes(chosen.bytes()),
                percent(chosen.lost())));
  }

  private static void printLayers(List<DeltaSurvival> layers, PrintStream out) {
    Table table = new Table().left("tensor").right("change/weight").right("lost of the change");
    layers.stream()
        .sorted(Comparator.comparingDouble(DeltaSurvival::lost).reversed())
        .limit(SHOWN)
        .forEach(layer ->
            table.row(
                layer.name(),
                percent(layer.delta() / layer.weight()) + " %",
                percent(layer.lost()) + " %"));
    table.print(out);
    if (layers.size() > SHOWN) {
      out.println("… and " + (layers.size() - SHOWN) + " that lose less");
    }
    out.println();
  }

  private static void printCandidates(LowBitMerge.Result result, PrintStream out) {
    Table table =
        new Table()
            .left("merged into")
            .right("size")
            .right("lost of the change")
            .right("KL (nats)")
            .right("same top token");
    for (MergeCandidate candidate : result.candidates()) {
      KlDistribution kl = candidate.kl();
      table.row(
          candidate.target().text(),
          Units.bytes(candidate.bytes()),
          percent(candidate.lost()) + " %",
          kl == null ? "–" : Units.scientific(kl.mean()),
          kl == null ? "–" : Units.fixed(100 * kl.sameTop(), 2) + " %");
    }
    table.print(out);
    out.println();
    out.println("Chosen: %s. %s".formatted(result.chosen().target().text(), result.reason()));
  }

  private static String percent(double fraction) {
    double percent = 100 * fraction;
    return percent == 0 || percent >= 0.01 ? Units.fixed(percent, 2) : Units.scientific(percent);
  }

  static ObjectNode json(LowBitMerge.Result result) {
    ObjectNode json = candidate(result.chosen());
    json.put("merged_layers", result.chosen().layers().size());
    json.put("reason", result.reason());
    ArrayNode candidates = json.putArray("candidates");
    result.candidates().forEach(one -> candidates.add(candidate(one)));
    return json;
  }

  private static ObjectNode candidate(MergeCandidate candidate) {
    ObjectNode json =
        Json.object()
            .put("target", candidate.target().text())
            .put("bytes", candidate.bytes())
            .put("lost", candidate.lost());
    KlDistribution kl = candidate.kl();
    if (kl != null) {
      json.put("kl", kl.mean()).put("same_top", kl.sameTop());
    }
    ArrayNode layers = json.putArray("layers");
    for (DeltaSurvival layer : candidate.layers()) {
      layers
          .addObject()
          .put("name", layer.name())
          .put("delta_norm", layer.delta())
          .put("weight_norm", layer.weight())
          .put("lost", layer.lost());
    }
    return json;
  }
}
