package dev.fettle.text;

import dev.fettle.tensor.UserException;

/// How a file becomes samples.
///
/// @param seqLength longest sample in tokens; below 2 is a [UserException]
/// @param completionOnly whether only completions, and in chats only the assistant's turns, are
///   targets; plain text is always a target
/// @param promptKey the JSON key of the prompt
/// @param completionKey the JSON key of the completion
public record DatasetOptions(
    int seqLength, boolean completionOnly, String promptKey, String completionKey) {

  public DatasetOptions {
    if (seqLength < 2) {
      throw new UserException(
          "A sequence length of " + seqLength + " leaves nothing to predict; use at least 2.");
    }
  }

  /// Loss on completions only; keys `prompt` and `completion`.
  public static DatasetOptions of(int seqLength) {
    return new DatasetOptions(seqLength, true, "prompt", "completion");
  }

  public DatasetOptions withCompletionOnly(boolean value) {
    return new DatasetOptions(seqLength, value, promptKey, completionKey);
  }

  /// For files with other names, such as GSM8K's `question` and `answer`.
  public DatasetOptions withKeys(String prompt, String completion) {
    return new DatasetOptions(seqLength, completionOnly, prompt, completion);
  }
}
