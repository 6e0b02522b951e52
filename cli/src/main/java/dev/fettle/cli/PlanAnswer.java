package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.plan.MachineMemory;
import dev.fettle.plan.MachineRates;
import dev.fettle.plan.MemoryPlan;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.Part;
import dev.fettle.plan.Phase;
import dev.fettle.plan.Remedies;
import dev.fettle.plan.Remedy;
import dev.fettle.plan.TimeEstimate;
import dev.fettle.plan.Work;
import java.io.PrintStream;
import java.util.List;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle plan` answers.
record PlanAnswer(ModelSpec model, MachineMemory memory, MachineRates rates, List<Row> rows) {

  /// One piece of work.
  record Row(String name, Work work, MemoryPlan plan, TimeEstimate time, List<Remedy> remedies) {}

  static Row row(
      ModelSpec model, String name, Work work, MachineMemory memory, MachineRates rates) {
    MemoryPlan plan = MemoryPlan.of(model, work, memory.available());
    return new Row(
        name,
        work,
        plan,
        TimeEstimate.of(model, work, plan.recompute(), rates),
        plan.fits(memory.available()) ? List.of() : Remedies.of(model, work, memory.available()));
  }

  /// Of several pieces of work, whether one fits.
  boolean fits() {
    return rows.stream().anyMatch(row -> row.plan().fits(memory.available()));
  }

  void print(PrintStream out) {
    out.println(
        "%s: %s, %s parameters, %s"
            .formatted(
                model.name(),
                model.architecture().config().modelType(),
                Units.count(model.architecture().parameterCount()),
                model.packed() ? "quantized" : model.dtype().torchName()));
    out.println(
        "memory free: %s (%s)".formatted(Units.bytes(memory.available()), memory.limitedBy()));
    out.println();
    if (rows.size() == 1) {
      detail(rows.getFirst(), out);
    } else {
      overview(out);
    }
    out.println();
    out.println("Rates for the time: " + rates.source() + ".");
  }

  private void overview(PrintStream out) {
    Table table =
        new Table().left("work").right("peak memory").left("fits").right("speed").left("how");
    for (Row row : rows) {
      boolean fits = row.plan().fits(memory.available());
      table.row(
          row.name(),
          Units.bytes(row.plan().peakBytes()),
          fits ? "yes" : "no",
          speed(row.time()),
          fits
              ? (row.plan().recompute() ? "with gradient checkpointing" : "")
              : row.remedies().isEmpty()
                  ? "no option makes it fit"
                  : "fits with " + row.remedies().getFirst().line());
    }
    table.print(out);
  }

  private void detail(Row row, PrintStream out) {
    Phase peak = row.plan().peak();
    Table table = new Table().left(row.name() + ", " + peak.name()).right("bytes").left("");
    for (Part part : peak.parts()) {
      table.row(part.name(), Units.bytes(part.bytes()), part.how());
    }
    table.row("peak", Units.bytes(peak.bytes()), phases(row.plan()));
    table.print(out);
    out.println();
    TimeEstimate time = row.time();
    if (time.tokensPerSecond() > 0 || time.seconds() > 0) {
      out.println("time: " + speed(time) + total(time));
    }
    if (row.plan().fits(memory.available())) {
      out.println(
          "It fits: %s of %s."
              .formatted(Units.bytes(row.plan().peakBytes()), Units.bytes(memory.available())));
      return;
    }
    out.println(
        "It does not fit: %s of %s."
            .formatted(Units.bytes(row.plan().peakBytes()), Units.bytes(memory.available())));
    for (Remedy remedy : row.remedies()) {
      out.println(
          "  fits: %s   (%s)".formatted(remedy.line(), Units.bytes(remedy.plan().peakBytes())));
    }
    if (row.remedies().isEmpty()) {
      out.println("  No option makes it fit; it needs a larger machine.");
    }
  }

  private static String phases(MemoryPlan plan) {
    List<String> others =
        plan.phases().stream()
            .filter(phase -> phase != plan.peak())
            .map(phase -> phase.name() + " " + Units.bytes(phase.bytes()))
            .toList();
    return String.join(", ", others);
  }

  private static String speed(TimeEstimate time) {
    double rate = time.tokensPerSecond();
    return rate > 0
        ? Units.fixed(rate, rate < 100 ? 1 : 0) + " tokens/s"
        : Units.duration(time.seconds());
  }

  private static String total(TimeEstimate time) {
    return time.tokensPerSecond() > 0 && time.seconds() > 0
        ? ", " + Units.duration(time.seconds()) + " in all"
        : "";
  }

  ObjectNode json() {
    ObjectNode json =
        Json.object()
            .put("model", model.name())
            .put("model_type", model.architecture().config().modelType())
            .put("parameters", model.architecture().parameterCount())
            .put("available_bytes", memory.available())
            .put("limited_by", memory.limitedBy())
            .put("fits", fits())
            .put("rates", rates.source());
    ArrayNode plans = json.putArray("plans");
    rows.forEach(row -> plans.add(json(row)));
    return json;
  }

  private ObjectNode json(Row row) {
    ObjectNode json =
        Json.object()
            .put("work", row.name())
            .put("peak_bytes", row.plan().peakBytes())
            .put("peak_phase", row.plan().peak().name())
            .put("fits", row.plan().fits(memory.available()))
            .put("gradient_checkpointing", row.plan().recompute())
            .put("tokens_per_second", row.time().tokensPerSecond())
            .put("seconds", row.time().seconds());
    ArrayNode phases = json.putArray("phases");
    for (Phase phase : row.plan().phases()) {
      ObjectNode node = phases.addObject().put("name", phase.name()).put("bytes", phase.bytes());
      ArrayNode parts = node.putArray("parts");
      for (Part part : phase.parts()) {
        parts
            .addObject()
            .put("name", part.name())
            .put("bytes", part.bytes())
            .put("how", part.how());
      }
    }
    ArrayNode remedies = json.putArray("nearest_that_fit");
    for (Remedy remedy : row.remedies()) {
      ArrayNode options =
          remedies.addObject().put("peak_bytes", remedy.plan().peakBytes()).putArray("options");
      remedy.options().forEach(options::add);
    }
    return json;
  }
}
