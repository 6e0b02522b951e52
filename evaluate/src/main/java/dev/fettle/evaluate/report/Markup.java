package dev.fettle.evaluate.report;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;

/// Writes well-formed XML that is valid HTML as well. Text and attribute values are escaped here
/// and nowhere else.
final class Markup {
  private final StringBuilder out = new StringBuilder();
  private final Deque<String> open = new ArrayDeque<>();

  /// Opens an element.
  ///
  /// @param attributes names and values in turn; numbers are printed with at most two decimals
  Markup open(String name, Object... attributes) {
    start(name, attributes);
    out.append('>');
    open.push(name);
    return this;
  }

  /// An element without content, such as `line` or `meta`.
  Markup leaf(String name, Object... attributes) {
    start(name, attributes);
    out.append("/>");
    return this;
  }

  /// An element that holds nothing but text.
  Markup element(String name, String text, Object... attributes) {
    return open(name, attributes).text(text).close();
  }

  Markup text(String text) {
    out.append(escape(text));
    return this;
  }

  Markup newline() {
    out.append('\n');
    return this;
  }

  /// A stylesheet: written as it is, since HTML does not unescape inside `style`.
  ///
  /// @throws IllegalArgumentException if it holds a character that XML would need escaped
  Markup style(String css) {
    if (css.indexOf('<') >= 0 || css.indexOf('&') >= 0) {
      throw new IllegalArgumentException("a stylesheet must not contain < or &");
    }
    open("style");
    out.append(css);
    return close();
  }

  Markup close() {
    out.append("</").append(open.pop()).append('>');
    return this;
  }

  /// @throws IllegalStateException if an element is still open
  String finish() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("element <" + open.peek() + "> is not closed");
    }
    return out.toString();
  }

  private void start(String name, Object... attributes) {
    out.append('<').append(name);
    for (int i = 0; i < attributes.length; i += 2) {
      Object value = attributes[i + 1];
      String text = value instanceof Number n ? number(n.doubleValue()) : String.valueOf(value);
      out.append(' ').append(attributes[i]).append("=\"").append(escape(text)).append('"');
    }
  }

  /// At most two decimals, no trailing zeros: coordinates need no more.
  static String number(double value) {
    String text = String.format(Locale.ROOT, "%.2f", value);
    String trimmed = text.replaceFirst("\\.?0+$", "");
    return trimmed.equals("-0") ? "0" : trimmed;
  }

  /// Replaces the characters that mean something in markup, and control characters that XML does
  /// not allow at all (by U+FFFD).
  static String escape(String text) {
    StringBuilder safe = new StringBuilder(text.length() + 16);
    text.codePoints()
        .forEach(c -> {
          switch (c) {
            case '&' -> safe.append("&amp;");
            case '<' -> safe.append("&lt;");
            case '>' -> safe.append("&gt;");
            case '"' -> safe.append("&quot;");
            case '\t', '\n' -> safe.appendCodePoint(c);
            default -> safe.appendCodePoint(allowed(c) ? c : 0xFFFD);
          }
        });
    return safe.toString();
  }

  /// XML 1.0, production [2] Char (without carriage return, which parsers rewrite).
  private static boolean allowed(int c) {
    return (c >= 0x20 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) || c >= 0x10000;
  }
}
