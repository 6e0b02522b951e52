package dev.fettle.cli;

import dev.fettle.calibrate.budget.BudgetPlan;
import dev.fettle.calibrate.budget.Option;
import dev.fettle.checkpoint.Json;
import dev.fettle.evaluate.report.Report;
import dev.fettle.evaluate.report.Section;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Which scheme each layer got under a budget, and why.
final class BudgetAnswer {
  private BudgetAnswer() {}

  static void print(BudgetPlan plan, PrintStream out) {
    Table layers =
        new Table()
            .left("layer")
            .left("scheme")
            .right("size")
            .right("own KL (nats)")
            .left("because");
    for (BudgetPlan.Layer layer : plan.layers()) {
      layers.row(
          layer.options().path(),
          layer.option().scheme().toString(),
          Units.bytes(layer.option().bytes()),
          Units.scientific(layer.option().divergence()),
          layer.reason());
    }
    layers.print(out);
    out.println();
    Table sums =
        new Table()
            .left("all layers")
            .right("bits/weight")
            .right("size")
            .right("KL predicted")
            .right("KL measured")
            .left("");
    sums.row(
        "this choice",
        Units.fixed(plan.bitsPerWeight(), 3),
        Units.bytes(plan.bytes()),
        Units.scientific(plan.predicted()),
        Units.scientific(plan.measured()),
        plan.fromUniform() ? "one scheme measured better than any mixture promised" : "");
    for (BudgetPlan.Uniform uniform : plan.uniform()) {
      sums.row(
          "only " + uniform.scheme(),
          Units.fixed(8.0 * uniform.bytes() / plan.weights(), 3),
          Units.bytes(uniform.bytes()),
          Units.scientific(uniform.predicted()),
          Units.scientific(uniform.measured()),
          uniform.fits() ? "" : "over the budget");
    }
    sums.print(out);
    out.println(
        "budget %s bits per weight of the quantized layers, everything stored for them counted; KL to the unquantized model in nats per token, mean over %s tokens"
            .formatted(plan.budget(), Units.count(plan.tokens())));
    out.println();
  }

  /// A page with the choice in front, or the page itself without a plan.
  static Report on(Report page, @Nullable BudgetPlan plan) {
    if (plan == null) {
      return page;
    }
    List<Section> sections = new ArrayList<>();
    sections.add(sums(plan));
    sections.add(reasons(plan));
    sections.addAll(page.sections());
    return new Report(page.title(), page.summary(), page.facts(), sections);
  }

  private static Section sums(BudgetPlan plan) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(sum("this choice", plan, plan.bytes(), plan.predicted(), plan.measured()));
    for (BudgetPlan.Uniform one : plan.uniform()) {
      rows.add(sum("only " + one.scheme(), plan, one.bytes(), one.predicted(), one.measured()));
    }
    return new Section.Table(
        "Budget of %s bits per weight".formatted(plan.budget()),
        "Everything stored for the quantized layers counts. Divergence of the next-token distributions from the unquantized model, nats per token, mean over %s tokens; predicted is the sum of the layers' own."
            .formatted(Units.count(plan.tokens())),
        List.of(
            new Section.Column("all layers", false),
            new Section.Column("bits/weight", true),
            new Section.Column("size", true),
            new Section.Column("KL predicted", true),
            new Section.Column("KL measured", true)),
        rows);
  }

  private static List<String> sum(
      String name, BudgetPlan plan, long bytes, double predicted, double measured) {
    return List.of(
        name,
        Units.fixed(8.0 * bytes / plan.weights(), 3),
        Units.bytes(bytes),
        Units.scientific(predicted),
        Units.scientific(measured));
  }

  private static Section reasons(BudgetPlan plan) {
    List<List<String>> rows = new ArrayList<>();
    for (BudgetPlan.Layer layer : plan.layers()) {
      rows.add(
          List.of(
              layer.options().path(),
              layer.option().scheme().toString(),
              Units.bytes(layer.option().bytes()),
              Units.scientific(layer.option().divergence()),
              layer.reason()));
    }
    return new Section.Table(
        "Chosen schemes",
        "Own divergence: that of the model in which this layer alone is quantized.",
        List.of(
            new Section.Column("layer", false),
            new Section.Column("scheme", false),
            new Section.Column("size", true),
            new Section.Column("own KL", true),
            new Section.Column("because", false)),
        rows);
  }

  static ObjectNode json(BudgetPlan plan) {
    ObjectNode json =
        Json.object()
            .put("budget_bits_per_weight", plan.budget())
            .put("bits_per_weight", plan.bitsPerWeight())
            .put("bytes", plan.bytes())
            .put("kl_predicted", plan.predicted())
            .put("kl_measured", plan.measured())
            .put("tokens", plan.tokens())
            .put("from_uniform", plan.fromUniform());
    ArrayNode layers = json.putArray("layers");
    for (BudgetPlan.Layer layer : plan.layers()) {
      ObjectNode entry =
          layers
              .addObject()
              .put("layer", layer.options().path())
              .put("scheme", layer.option().scheme().toString())
              .put("reason", layer.reason());
      ArrayNode options = entry.putArray("options");
      for (Option option : layer.options().options()) {
        options
            .addObject()
            .put("scheme", option.scheme().toString())
            .put("bytes", option.bytes())
            .put("kl", option.divergence());
      }
    }
    ArrayNode uniform = json.putArray("uniform");
    for (BudgetPlan.Uniform one : plan.uniform()) {
      uniform
          .addObject()
          .put("scheme", one.scheme().toString())
          .put("bytes", one.bytes())
          .put("kl_predicted", one.predicted())
          .put("kl_measured", one.measured())
          .put("fits", one.fits());
    }
    return json;
  }
}
