package dev.fettle.doctor;

import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// Numbers and foreign text as a finding shows them.
final class Shown {
  private static final int LONGEST_LINE = 1200;
  private static final int LONGEST_QUOTE = 60;
  private static final int LISTED = 5;
  private static final String[] UNITS = {"B", "kB", "MB", "GB", "TB"};

  private Shown() {}

  /// The text on one line, control characters and those that turn the direction of writing as their
  /// code, the end of a very long one left out.
  static String line(String text) {
    String cut = text.length() <= LONGEST_LINE ? text : text.substring(0, LONGEST_LINE) + "\u2026";
    StringBuilder line = new StringBuilder(cut.length());
    cut.codePoints().forEach(c -> append(line, c));
    return line.toString();
  }

  private static void append(StringBuilder line, int c) {
    if (c == '\n') {
      line.append("\\n");
    } else if (c == '\t') {
      line.append("\\t");
    } else if (c == '\r') {
      line.append("\\r");
    } else if (Character.isISOControl(c)
        || c == 0x2028
        || c == 0x2029
        || (c >= 0x202A && c <= 0x202E)
        || (c >= 0x2066 && c <= 0x2069)
        || (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
      line.append("\\u%04X".formatted(c));
    } else {
      line.appendCodePoint(c);
    }
  }

  /// `'text'`, shortened.
  static String quote(String text) {
    int end = Math.min(text.length(), LONGEST_QUOTE);
    return "'" + text.substring(0, end) + (end < text.length() ? "\u2026" : "") + "'";
  }

  /// The first few, then how many more.
  static String list(Collection<String> items) {
    List<String> first = items.stream().limit(LISTED).toList();
    int more = items.size() - first.size();
    return String.join(", ", first) + (more == 0 ? "" : " and " + count(more) + " more");
  }

  /// `[1, 2]` of whole numbers, in ascending order.
  static String ids(Collection<Integer> ids) {
    return ids.stream().sorted().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
  }

  /// `1,100,048,384`.
  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }

  /// `1.21 GB` (10^9 bytes).
  static String bytes(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 999.5 && unit < UNITS.length - 1) {
      value /= 1000;
      unit++;
    }
    return unit == 0
        ? bytes + " B"
        : String.format(Locale.ROOT, value < 99.95 ? "%.1f %s" : "%.0f %s", value, UNITS[unit]);
  }
}
