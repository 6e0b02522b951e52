package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import java.nio.file.Path;
import tools.jackson.databind.node.ObjectNode;

/// An option whose value is a JSON file, or the JSON object itself, as a `--config` file may hold
/// it.
///
/// @param option its name, for messages
/// @param value as it was given
record JsonOption(String option, String value) {
  /// The label of the parameter of such an option.
  static final String LABEL = "JSON";

  private boolean isInline() {
    return value.stripLeading().startsWith("{");
  }

  /// What messages call it.
  String source() {
    return isInline() ? option : value;
  }

  /// @throws dev.fettle.tensor.UserException if it is no JSON object
  ObjectNode read() {
    return isInline() ? Json.parse(value, option) : Json.read(Path.of(value));
  }
}
