package dev.fettle.text;

import java.util.List;

/// Turns a conversation into the text that a model was trained on.
public interface ChatTemplate {

  /// @param addGenerationPrompt whether to end with the opening of the assistant's next turn
  /// @throws dev.fettle.tensor.UserException if the template refuses the conversation
  String render(List<ChatMessage> messages, boolean addGenerationPrompt);
}
