package dev.fettle.checkpoint;

import dev.fettle.tensor.UserException;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/// A regular expression from a file, which names modules or tensors. An expression can be written
/// so that a match takes longer than anyone waits; here it gets a limit.
///
/// @param where what holds the expression, for messages, such as `target_modules`
public record NamePattern(Pattern pattern, String where) {
  /// Characters that one match may look at; sound expressions look at each a few times.
  private static final int MOST_STEPS = 1 << 18;

  private static final int LONGEST = 1 << 16;

  /// @throws UserException if it is not a regular expression, or too long for one
  public static NamePattern compile(String expression, String where) {
    if (expression.length() > LONGEST) {
      throw new UserException(
          "%s is an expression of %d characters; at most %d are supported."
              .formatted(where, expression.length(), LONGEST));
    }
    try {
      return new NamePattern(Pattern.compile(expression), where);
    } catch (PatternSyntaxException e) {
      throw new UserException(
          "%s '%s' is not a regular expression: %s."
              .formatted(where, expression, e.getDescription()),
          e);
    }
  }

  /// Whether it matches all of the name.
  ///
  /// @throws UserException if finding out takes too long
  public boolean matches(String name) {
    return run(name, true) != null;
  }

  /// The match at the beginning of the name, or null.
  ///
  /// @throws UserException if finding out takes too long
  public @Nullable MatchResult lookingAt(String name) {
    return run(name, false);
  }

  private @Nullable MatchResult run(String name, boolean whole) {
    try {
      Matcher matcher = pattern.matcher(new Counted(name));
      return (whole ? matcher.matches() : matcher.lookingAt()) ? matcher.toMatchResult() : null;
    } catch (TooManySteps | StackOverflowError e) {
      throw new UserException(
          "%s '%s' takes too long to match '%s'; write it without repetitions inside repetitions."
              .formatted(where, pattern.pattern(), name),
          e);
    }
  }

  private static final class TooManySteps extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  /// A text that can be looked at only so often.
  private static final class Counted implements CharSequence {
    private final String text;
    private int steps;

    Counted(String text) {
      this.text = text;
    }

    @Override
    public char charAt(int index) {
      if (++steps > MOST_STEPS) {
        throw new TooManySteps();
      }
      return text.charAt(index);
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.substring(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
