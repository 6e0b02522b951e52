package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// One turn of a conversation, as a template sees it: `role` and `content`, and whatever else the
/// data has, such as `tool_calls`, `reasoning_content` or `name`.
///
/// @param fields all keys of the turn; not to be changed afterwards
public record ChatMessage(ObjectNode fields) {

  /// @param role `system`, `user` or `assistant`, or another name that the template knows
  public ChatMessage(String role, String content) {
    this(Json.object().put("role", role).put("content", content));
  }

  /// The turn in this JSON.
  ///
  /// @throws UserException if it is no object with a string under `role`
  public static ChatMessage of(JsonNode json) {
    if (json instanceof ObjectNode fields && fields.path("role").isString()) {
      return new ChatMessage(fields);
    }
    throw new UserException(
        "expected a message with a string under \"role\" and \"content\", found " + json + ".");
  }

  public String role() {
    return fields.path("role").asString("");
  }

  /// The text: a string, or the text parts of a list of parts one after the other. Empty if there
  /// is none, as in a turn that only calls tools.
  public String content() {
    JsonNode content = fields.path("content");
    if (content.isString()) {
      return content.asString();
    }
    StringBuilder text = new StringBuilder();
    for (JsonNode part : content) {
      text.append(part.path("text").asString(""));
    }
    return text.toString();
  }
}
