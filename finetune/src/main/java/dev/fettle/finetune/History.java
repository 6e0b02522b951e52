package dev.fettle.finetune;

import dev.fettle.checkpoint.Json;
import dev.fettle.finetune.TrainingListener.ValidationLoss;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// The losses of a run so far; part of every checkpoint.
final class History {
  private final List<Double> losses = new ArrayList<>();
  private final List<Double> gradNorms = new ArrayList<>();
  private final List<ValidationLoss> validation = new ArrayList<>();

  static History of(RunRecord record) {
    History history = new History();
    history.losses.addAll(record.losses());
    history.gradNorms.addAll(record.gradNorms());
    history.validation.addAll(record.validationLosses());
    return history;
  }

  void addStep(double loss, double gradNorm) {
    losses.add(loss);
    gradNorms.add(gradNorm);
  }

  void addValidation(ValidationLoss loss) {
    validation.add(loss);
  }

  List<Double> losses() {
    return List.copyOf(losses);
  }

  List<Double> gradNorms() {
    return List.copyOf(gradNorms);
  }

  List<ValidationLoss> validation() {
    return List.copyOf(validation);
  }

  /// The step with the lowest validation loss, the first of several.
  @Nullable ValidationLoss best() {
    ValidationLoss best = null;
    for (ValidationLoss loss : validation) {
      if (best == null || loss.loss() < best.loss()) {
        best = loss;
      }
    }
    return best;
  }

  ObjectNode toJson() {
    ObjectNode json = Json.object();
    ArrayNode lossArray = json.putArray("losses");
    losses.forEach(lossArray::add);
    ArrayNode normArray = json.putArray("grad_norms");
    gradNorms.forEach(normArray::add);
    ArrayNode validationArray = json.putArray("validation_losses");
    for (ValidationLoss loss : validation) {
      validationArray.addObject().put("step", loss.step()).put("loss", loss.loss());
    }
    return json;
  }

  void restore(JsonNode json) {
    json.path("losses").forEach(loss -> losses.add(loss.asDouble()));
    json.path("grad_norms").forEach(norm -> gradNorms.add(norm.asDouble()));
    for (JsonNode loss : json.path("validation_losses")) {
      validation.add(new ValidationLoss(loss.path("step").asInt(), loss.path("loss").asDouble()));
    }
  }
}
