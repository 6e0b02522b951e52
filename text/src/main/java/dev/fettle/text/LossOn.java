package dev.fettle.text;

import org.jspecify.annotations.Nullable;

/// Which tokens are learned. Both settings are TRL's; where they are not given, answers are learned
/// and what they answer is not.
///
/// @param completionOnly of prompt/completion rows only the completion; null is true
/// @param assistantOnly of conversations only the assistant's turns; null is true for rows of
///   messages, and false for prompt/completion rows, whose completion is learned as it is. TRL's
///   default is false for both
public record LossOn(@Nullable Boolean completionOnly, @Nullable Boolean assistantOnly) {
  /// Answers only.
  public static LossOn answers() {
    return new LossOn(null, null);
  }

  /// Every token.
  public static LossOn everything() {
    return new LossOn(false, false);
  }

  boolean completionsAlone() {
    return completionOnly == null || completionOnly;
  }

  /// @param messages whether the row is a list of messages, not a prompt with its completion
  boolean assistantAlone(boolean messages) {
    return assistantOnly == null ? messages : assistantOnly;
  }
}
