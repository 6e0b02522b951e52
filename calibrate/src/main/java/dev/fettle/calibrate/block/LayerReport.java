package dev.fettle.calibrate.block;

import dev.fettle.checkpoint.Json;
import tools.jackson.databind.node.ObjectNode;

/// What an algorithm made of one layer.
///
/// @param name module path
/// @param scheme as text
/// @param outputError `‖(Ŵ − W)·Xᵀ‖² / ‖W·Xᵀ‖²` on the calibration text
/// @param nearestError the same for round to nearest
/// @param note what a person should know, or empty
/// @param fallback whether the layer was rounded to nearest because the algorithm could not work
/// @param seconds of the algorithm, without running the block
public record LayerReport(
    String name,
    String scheme,
    double outputError,
    double nearestError,
    String note,
    boolean fallback,
    double seconds) {

  public ObjectNode toJson() {
    return Json.object()
        .put("name", name)
        .put("scheme", scheme)
        .put("output_error", outputError)
        .put("nearest_output_error", nearestError)
        .put("note", note)
        .put("fallback", fallback)
        .put("seconds", seconds);
  }

  static LayerReport parse(ObjectNode json) {
    return new LayerReport(
        json.path("name").asString(),
        json.path("scheme").asString(),
        json.path("output_error").asDouble(),
        json.path("nearest_output_error").asDouble(),
        json.path("note").asString(),
        json.path("fallback").asBoolean(),
        json.path("seconds").asDouble());
  }
}
