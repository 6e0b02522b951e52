package dev.fettle.text.records;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// The messages of a row with `role` and `content`, whichever names the file gives them.
///
/// @param map may rename `role` and `content`
record Turns(ColumnMap map) {
  /// ShareGPT's speakers, and those of its descendants, by the role that chat templates know.
  private static final Map<String, String> ROLES =
      Map.ofEntries(
          Map.entry("human", "user"),
          Map.entry("user", "user"),
          Map.entry("gpt", "assistant"),
          Map.entry("chatgpt", "assistant"),
          Map.entry("bing", "assistant"),
          Map.entry("bard", "assistant"),
          Map.entry("model", "assistant"),
          Map.entry("assistant", "assistant"),
          Map.entry("function_call", "assistant"),
          Map.entry("system", "system"),
          Map.entry("developer", "developer"),
          Map.entry("tool", "tool"),
          Map.entry("observation", "tool"),
          Map.entry("function_response", "tool"),
          Map.entry("tool_response", "tool"),
          Map.entry("ipython", "ipython"));

  /// @param value a list of messages, or a string that holds one as JSON
  /// @param column its name, for errors
  /// @throws UserException if it is something else, naming the message
  List<ObjectNode> of(JsonNode value, String column) {
    JsonNode list = value.isString() ? parsed(value.asString(), column) : value;
    if (!list.isArray() || list.isEmpty()) {
      throw new UserException(
          "expected a list of messages under \"%s\", found %s.".formatted(column, brief(value)));
    }
    List<ObjectNode> turns = new ArrayList<>();
    for (JsonNode message : list) {
      try {
        turns.add(turn(message));
      } catch (UserException e) {
        throw new UserException(
            "message %d of \"%s\": %s".formatted(turns.size() + 1, column, e.getMessage()), e);
      }
    }
    return turns;
  }

  private static JsonNode parsed(String text, String column) {
    if (!text.stripLeading().startsWith("[")) {
      throw new UserException(
          "expected a list of messages under \"%s\", found text.".formatted(column));
    }
    return Json.value(text, "\"" + column + "\"");
  }

  private ObjectNode turn(JsonNode message) {
    if (!(message instanceof ObjectNode object)) {
      throw new UserException("expected an object, found " + brief(message) + ".");
    }
    String roleKey = key(object, "role", "from");
    String contentKey = key(object, "content", "value");
    ObjectNode turn = Json.object();
    turn.put("role", role(object.path(roleKey), roleKey));
    JsonNode calls = object.path("tool_calls");
    turn.set("content", content(object.path(contentKey), contentKey, !calls.isEmpty()));
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      boolean known = entry.getKey().equals(roleKey) || entry.getKey().equals(contentKey);
      if (!known && !entry.getValue().isNull()) {
        turn.set(entry.getKey(), entry.getValue());
      }
    }
    return turn;
  }

  private String key(ObjectNode message, String name, String shareGpt) {
    String mapped = map.column(name);
    return mapped.equals(name) && !message.has(name) && message.has(shareGpt) ? shareGpt : mapped;
  }

  private static String role(JsonNode value, String key) {
    if (!value.isString()) {
      throw new UserException(
          "expected a string under \"" + key + "\", found " + brief(value) + ".");
    }
    if (key.equals("role")) {
      return value.asString();
    }
    String role = ROLES.get(value.asString());
    if (role == null) {
      throw new UserException(
          "the speaker '%s' is unknown; expected human, gpt, system, tool or another of ShareGPT's names."
              .formatted(value.asString()));
    }
    return role;
  }

  /// A list of text parts, as multimodal data sets write it, becomes one string.
  private static JsonNode content(JsonNode value, String key, boolean mayBeNull) {
    if (value.isString()) {
      return value;
    }
    if (mayBeNull && (value.isNull() || value.isMissingNode())) {
      return Json.object().nullNode();
    }
    if (!value.isArray()) {
      throw new UserException(
          "expected a string under \"" + key + "\", found " + brief(value) + ".");
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : value) {
      if (!part.path("type").asString("text").equals("text") || !part.path("text").isString()) {
        throw new UserException("only text can be trained on, found " + brief(part) + ".");
      }
      text.append(part.path("text").asString());
    }
    return Json.object().stringNode(text.toString());
  }

  /// A value for an error message, shortened.
  static String brief(JsonNode value) {
    if (value.isMissingNode()) {
      return "nothing";
    }
    String text = value.toString();
    return text.length() <= 60 ? text : text.substring(0, 57) + "...";
  }
}
