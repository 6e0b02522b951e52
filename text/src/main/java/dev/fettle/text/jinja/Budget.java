package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;

/// Bounds what one rendering may cost, since templates come from strangers.
final class Budget {
  /// A conversation of a thousand turns takes a few hundred thousand steps.
  private static final long MAX_STEPS = 20_000_000;

  /// Longest string, and longest output, in UTF-16 units.
  private static final long MAX_TEXT = 8_000_000;

  /// Nested expressions, statements and macro calls; well within a thread's stack.
  private static final int MAX_DEPTH = 500;

  /// Characters that cost as much as one step.
  private static final long TEXT_PER_STEP = 16;

  private long steps;
  private int depth;

  /// @throws TemplateException if no steps are left
  void spend(long cost) {
    steps += cost;
    if (steps > MAX_STEPS) {
      throw new TemplateException(Kind.LIMIT, "the template runs for more than 20 million steps");
    }
  }

  void enter() {
    spend(1);
    if (++depth > MAX_DEPTH) {
      throw new TemplateException(Kind.LIMIT, "the template nests more than 500 deep");
    }
  }

  void leave() {
    depth--;
  }

  /// Asks before `count` pieces of `length` characters are put together.
  void allowText(long length, long count) {
    limitText(length > 0 && count > MAX_TEXT / length ? Long.MAX_VALUE : 0);
    spend(length * count / TEXT_PER_STEP);
  }

  /// @throws TemplateException if a text of this length is too long
  void limitText(long length) {
    if (length > MAX_TEXT) {
      throw new TemplateException(Kind.LIMIT, "the template writes more than 8 million characters");
    }
  }

  /// Counts a value that was just made.
  Value charge(Value value) {
    if (value instanceof Value.Str text) {
      allowText(text.value().length(), 1);
    } else if (value instanceof Value.Seq seq) {
      spend(seq.items().size());
    }
    return value;
  }
}
