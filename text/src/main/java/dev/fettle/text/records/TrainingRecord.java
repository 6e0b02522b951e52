package dev.fettle.text.records;

import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// What one row trains, before it is tokenized.
public sealed interface TrainingRecord {

  /// A text of which everything is learned.
  record Text(String text) implements TrainingRecord {}

  /// Two strings that follow each other.
  record Completion(String prompt, String completion) implements TrainingRecord {}

  /// A conversation.
  ///
  /// @param messages objects with `role` and `content`, and whatever else the template reads
  /// @param promptTurns how many of them are the prompt of a prompt/completion row; 0 in other rows
  /// @param variables for the chat template besides the messages, such as `tools`
  record Conversation(List<ObjectNode> messages, int promptTurns, ObjectNode variables)
      implements TrainingRecord {}
}
