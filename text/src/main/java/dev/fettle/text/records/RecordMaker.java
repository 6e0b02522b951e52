package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Turns the columns of a row into a training record.
///
/// @param variables what every conversation tells its chat template
record RecordMaker(ColumnMap map, ObjectNode variables) {

  /// @throws UserException if a column is null or of the wrong type
  TrainingRecord make(RecordKind kind, ObjectNode columns) {
    return switch (kind) {
      case TEXT -> new TrainingRecord.Text(string(columns, "text"));
      case ALPACA ->
          new TrainingRecord.Completion(
              AlpacaPrompt.of(string(columns, "instruction"), stringOrEmpty(columns, "input")),
              string(columns, "output"));
      case PROMPT_COMPLETION -> completion(columns);
      case CHATML -> conversation(columns, turns(columns, "messages"), 0);
      case SHAREGPT -> shareGpt(columns);
    };
  }

  private TrainingRecord completion(ObjectNode columns) {
    JsonNode prompt = map.value(columns, "prompt");
    JsonNode completion = map.value(columns, "completion");
    if (!prompt.isArray() && !completion.isArray()) {
      return new TrainingRecord.Completion(
          string(columns, "prompt"), string(columns, "completion"));
    }
    List<ObjectNode> turns = new ArrayList<>(turns(columns, "prompt"));
    int promptTurns = turns.size();
    turns.addAll(turns(columns, "completion"));
    return conversation(columns, turns, promptTurns);
  }

  private TrainingRecord shareGpt(ObjectNode columns) {
    List<ObjectNode> turns = new ArrayList<>(turns(columns, "conversations"));
    String system = stringOrEmpty(columns, "system");
    if (!system.isEmpty() && !turns.getFirst().path("role").asString().equals("system")) {
      turns.addFirst(Json.object().put("role", "system").put("content", system));
    }
    return conversation(columns, turns, 0);
  }

  private TrainingRecord conversation(ObjectNode columns, List<ObjectNode> turns, int promptTurns) {
    ObjectNode told = variables.deepCopy();
    JsonNode tools = map.value(columns, "tools");
    if (tools.isString() && !tools.asString().isBlank()) {
      tools = Json.value(tools.asString(), "\"tools\"");
    }
    if (tools.isArray() && !tools.isEmpty()) {
      told.set("tools", tools);
    }
    if (columns.path("chat_template_kwargs") instanceof ObjectNode more) {
      told.setAll(more);
    }
    return new TrainingRecord.Conversation(turns, promptTurns, told);
  }

  private List<ObjectNode> turns(ObjectNode columns, String name) {
    return new Turns(map).of(map.value(columns, name), map.column(name));
  }

  private String string(ObjectNode columns, String name) {
    JsonNode value = map.value(columns, name);
    if (value.isString()) {
      return value.asString();
    }
    throw new UserException(
        "expected a string under \"%s\", found %s."
            .formatted(map.column(name), Turns.brief(value)));
  }

  private String stringOrEmpty(ObjectNode columns, String name) {
    JsonNode value = map.value(columns, name);
    return value.isMissingNode() || value.isNull() ? "" : string(columns, name);
  }
}
