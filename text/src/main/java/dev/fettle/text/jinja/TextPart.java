package dev.fettle.text.jinja;

/// The part of a string that optional bounds select.
///
/// @param start in code points
record TextPart(String text, int start) {
  static TextPart of(String text, Arguments arguments, Budget budget) {
    if (arguments.get(0, "sub") instanceof Value.Str sub) {
      budget.allowSearch(text, sub.value());
    }
    if (arguments.get(1, "start") == null) {
      return new TextPart(text, 0);
    }
    int size = text.codePointCount(0, text.length());
    int from = bound(arguments.get(1, "start", Value.None.NONE), size, 0);
    int to = Math.max(from, bound(arguments.get(2, "end", Value.None.NONE), size, size));
    int first = text.offsetByCodePoints(0, from);
    return new TextPart(text.substring(first, text.offsetByCodePoints(first, to - from)), from);
  }

  private static int bound(Value value, int size, int absent) {
    if (value instanceof Value.None) {
      return absent;
    }
    long index = Operators.index(value);
    return Math.clamp(index < 0 ? index + size : index, 0, size);
  }

  boolean startsWith(String affix) {
    return text.startsWith(affix);
  }

  boolean endsWith(String affix) {
    return text.endsWith(affix);
  }

  long find(String part) {
    return place(text.indexOf(part));
  }

  long findLast(String part) {
    return place(text.lastIndexOf(part));
  }

  private long place(int index) {
    return index < 0 ? -1 : start + text.codePointCount(0, index);
  }
}
