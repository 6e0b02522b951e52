package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.evaluate.Comparison;
import dev.fettle.evaluate.Comparison.BlockError;
import dev.fettle.evaluate.Comparison.Row;
import dev.fettle.evaluate.KlDistribution;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle evaluate --compare` answers.
final class ComparisonAnswer {
  private ComparisonAnswer() {}

  static void print(List<Row> rows, PrintStream out) {
    Table table =
        new Table()
            .left("model")
            .right("bits/weight")
            .right("size")
            .right("perplexity")
            .right("KL mean")
            .right("KL 99 %")
            .right("same top-1")
            .right("tokens/s");
    rows.forEach(row -> table.row(cells(row).toArray(String[]::new)));
    table.print(out);
    out.println();
    out.println("error of the hidden states after each block, signal to noise in dB:");
    Table blocks = new Table().right("block");
    rows.stream().skip(1).forEach(row -> blocks.right(row.candidate().name()));
    for (int block = 0; block < rows.getLast().blocks().size(); block++) {
      List<String> cells = new ArrayList<>(List.of(Integer.toString(block)));
      for (Row row : rows.subList(1, rows.size())) {
        cells.add(decibel(row.blocks().get(block)));
      }
      blocks.row(cells.toArray(String[]::new));
    }
    blocks.print(out);
    out.println();
    Row reference = rows.getFirst();
    out.println(
        "reference: %s in %s, %s positions"
            .formatted(
                reference.candidate().name(),
                reference.computeDtype().torchName(),
                Units.count(reference.kl().positions())));
  }

  /// Name, bits, size, perplexity, KL mean and 99 %, same top-1, tokens per second.
  static List<String> cells(Row row) {
    boolean reference = row.blocks().isEmpty();
    KlDistribution kl = row.kl();
    return List.of(
        row.candidate().name(),
        Units.fixed(row.bitsPerWeight(), 2),
        Units.bytes(row.weightBytes()),
        Units.fixed(row.perplexity(), 4),
        reference ? "–" : Units.fixed(kl.mean(), 5),
        reference ? "–" : Units.fixed(kl.p99(), 4),
        reference ? "–" : Units.fixed(100 * kl.sameTop(), 2) + " %",
        Units.fixed(row.tokensPerSecond(), 0));
  }

  static String decibel(BlockError error) {
    return Double.isInfinite(error.sqnrDb()) ? "∞" : Units.fixed(error.sqnrDb(), 1);
  }

  static ObjectNode json(List<Row> rows) {
    ObjectNode json = Json.object();
    json.put("reference", rows.getFirst().candidate().name());
    ArrayNode models = json.putArray("models");
    rows.forEach(row -> models.add(json(row)));
    return json;
  }

  private static ObjectNode json(Comparison.Row row) {
    Path adapter = row.candidate().adapter();
    ObjectNode json =
        Json.object()
            .put("model", row.candidate().model().toString())
            .put("adapter", adapter == null ? null : adapter.toString())
            .put("perplexity", row.perplexity())
            .put("mean_loss", row.meanLoss())
            .put("tokens", row.tokens())
            .put("bits_per_weight", row.bitsPerWeight())
            .put("weight_bytes", row.weightBytes())
            .put("compute_dtype", row.computeDtype().torchName())
            .put("tokens_per_second", row.tokensPerSecond());
    KlDistribution kl = row.kl();
    json.putObject("kl")
        .put("positions", kl.positions())
        .put("mean", kl.mean())
        .put("median", kl.median())
        .put("p99", kl.p99())
        .put("max", kl.max())
        .put("same_top", kl.sameTop());
    ArrayNode blocks = json.putArray("blocks");
    for (BlockError error : row.blocks()) {
      ObjectNode block =
          blocks
              .addObject()
              .put("block", error.block())
              .put("relative_error", error.relativeError())
              .put("cosine", error.cosine());
      if (Double.isFinite(error.sqnrDb())) {
        block.put("sqnr_db", error.sqnrDb());
      } else {
        block.putNull("sqnr_db");
      }
    }
    return json;
  }
}
