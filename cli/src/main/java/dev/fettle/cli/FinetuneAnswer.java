package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.finetune.RunRecord;
import dev.fettle.finetune.TrainingListener.ValidationLoss;
import java.io.PrintStream;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What `fettle finetune` answers.
final class FinetuneAnswer {
  private FinetuneAnswer() {}

  static void print(String what, RunRecord record, PrintStream out) {
    if (record.interrupted()) {
      out.println(
          "stopped after step %d; the same command with --resume goes on"
              .formatted(record.steps()));
      return;
    }
    out.println(
        "%d steps of %s: loss %s -> %s%s"
            .formatted(
                record.steps(),
                what,
                Units.fixed(record.losses().getFirst(), 4),
                Units.fixed(record.losses().getLast(), 4),
                validation(record)));
    out.println(
        "%s trainable parameters, %s tokens/s, peak memory %s, %s"
            .formatted(
                Units.count(record.trainedParameters()),
                Units.fixed(record.tokensPerSecond(), 0),
                Units.bytes(record.peakResidentBytes()),
                Units.duration(record.seconds())));
    out.println("written: " + record.output());
  }

  private static String validation(RunRecord record) {
    if (record.validationLosses().isEmpty()) {
      return "";
    }
    ValidationLoss last = record.validationLosses().getLast();
    return ", validation loss %s (best at step %s)"
        .formatted(Units.fixed(last.loss(), 4), record.bestStep());
  }

  static ObjectNode json(RunRecord record) {
    ObjectNode json =
        Json.object()
            .put("output", record.output().toString())
            .put("steps", record.steps())
            .put("interrupted", record.interrupted())
            .put("trained_parameters", record.trainedParameters())
            .put("optimizer_state_bytes", record.optimizerStateBytes())
            .put("tokens", record.tokens())
            .put("seconds", record.seconds())
            .put("tokens_per_second", record.tokensPerSecond())
            .put("peak_resident_bytes", record.peakResidentBytes())
            .put("best_step", record.bestStep());
    ArrayNode losses = json.putArray("losses");
    record.losses().forEach(losses::add);
    ArrayNode norms = json.putArray("grad_norms");
    record.gradNorms().forEach(norms::add);
    ArrayNode validation = json.putArray("validation_losses");
    for (ValidationLoss loss : record.validationLosses()) {
      validation.add(Json.object().put("step", loss.step()).put("loss", loss.loss()));
    }
    return json;
  }
}
