package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Renders a conversation so that its last message can be continued, with the trick of transformers
/// (`render_jinja_template`): a mark behind the message shows where the template has written it,
/// and everything from there on is left out.
final class FinalMessage {
  private static final String MARK = "CONTINUE_FINAL_MESSAGE_TAG ";

  private FinalMessage() {}

  static String continuing(Conversation conversation, ChatTemplate template) {
    List<ChatMessage> messages = new ArrayList<>(conversation.messages());
    if (messages.isEmpty()) {
      throw new UserException("There is no final message to continue; the conversation is empty.");
    }
    ObjectNode fields = messages.removeLast().fields().deepCopy();
    String text = marked(fields);
    messages.add(new ChatMessage(fields));
    Conversation marked =
        new Conversation(
            messages, conversation.tools(), conversation.documents(), conversation.variables());
    String rendered = template.render(marked, false);
    int at = rendered.lastIndexOf(MARK.strip());
    if (at < 0 || !rendered.contains(text.strip())) {
      throw new UserException(
          "The chat template does not write the final message as it is, so it cannot be continued;"
              + " end the conversation with a message of the user instead.");
    }
    boolean spaceKept = rendered.startsWith(MARK, at);
    String before = rendered.substring(0, at);
    return spaceKept ? before : before.stripTrailing(); // the template strips what it writes
  }

  /// Puts the mark behind the text in `fields`.
  ///
  /// @return the text without it
  private static String marked(ObjectNode fields) {
    @Nullable JsonNode content = fields.get("content");
    if (content != null && content.isString()) {
      fields.put("content", content.asString() + MARK);
      return content.asString();
    }
    if (content instanceof ArrayNode parts) {
      for (int i = parts.size() - 1; i >= 0; i--) {
        if (parts.get(i) instanceof ObjectNode part && part.path("text").isString()) {
          String text = part.path("text").asString();
          part.put("text", text + MARK);
          return text;
        }
      }
    }
    throw new UserException(
        "The final message has no text under \"content\", so there is nothing to continue.");
  }
}
