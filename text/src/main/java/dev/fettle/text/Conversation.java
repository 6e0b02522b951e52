package dev.fettle.text;

import dev.fettle.checkpoint.Json;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What a chat template is given: the arguments of transformers' `apply_chat_template`.
///
/// @param tools JSON schemas of the functions that may be called, or null
/// @param documents objects with `title` and `text`, or null
/// @param variables further names the template can use (`chat_template_kwargs`), such as
///   `enable_thinking`; they go before those of the template and before the special tokens
public record Conversation(
    List<ChatMessage> messages,
    @Nullable ArrayNode tools,
    @Nullable ArrayNode documents,
    ObjectNode variables) {

  public Conversation {
    messages = List.copyOf(messages);
  }

  public static Conversation of(List<ChatMessage> messages) {
    return new Conversation(messages, null, null, Json.object());
  }

  /// With these variables too, where it has none of the same name.
  Conversation withDefaults(ObjectNode defaults) {
    ObjectNode all = defaults.deepCopy();
    all.setAll(variables);
    return new Conversation(messages, tools, documents, all);
  }

  /// The first `count` turns, everything else alike.
  Conversation first(int count) {
    return new Conversation(messages.subList(0, count), tools, documents, variables);
  }
}
