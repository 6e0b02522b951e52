package dev.fettle.text.jinja;

import dev.fettle.text.jinja.TemplateException.Kind;

/// Bounds what one rendering may cost, since templates come from strangers.
final class Budget {
  /// A conversation of a thousand turns takes a few hundred thousand steps.
  private static final long MAX_STEPS = 20_000_000;

  /// Longest string, and longest output, in UTF-16 units.
  static final long MAX_TEXT = 8_000_000;

  /// Nested expressions, statements and macro calls; well within a thread's stack.
  private static final int MAX_DEPTH = 500;

  /// Characters that cost as much as one step.
  private static final long TEXT_PER_STEP = 16;

  static final long COMPARISONS_PER_STEP = 64;

  /// Steps that writing one number or string of a list costs.
  static final long PRINT_COST = 4;

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

  /// Asks before a value is written as text.
  void allowPrint(Value value) {
    if (!(value instanceof Value.Str)) {
      spend(PRINT_COST * Extent.of(value).weight());
    }
  }

  /// Asks before `part` is looked for in a text, which may compare every character of it at every
  /// place.
  void allowSearch(String text, String part) {
    spend((long) text.length() * Math.max(1, part.length()) / COMPARISONS_PER_STEP);
  }

  /// Asks before the items of a value are put in order, each compared with several others.
  void allowSort(Value value) {
    long weight = Extent.of(value).weight();
    spend(weight * (Long.SIZE - Long.numberOfLeadingZeros(weight)));
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
    } else if (value instanceof Value.Dict dict) {
      spend(dict.entries().size());
    }
    return value;
  }
}
