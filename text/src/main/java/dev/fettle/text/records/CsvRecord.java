package dev.fettle.text.records;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One record of separated values, put together from the lines it stretches over; RFC 4180, section
/// 2.
final class CsvRecord {
  private final char separator;
  private List<String> fields = new ArrayList<>();
  private final StringBuilder field = new StringBuilder();
  private boolean quoted;

  CsvRecord(char separator) {
    this.separator = separator;
  }

  /// Takes one line without its line feed.
  ///
  /// @return what is wrong with it, or null
  @Nullable String add(String text) {
    int at = 0;
    if (quoted) {
      field.append('\n');
    }
    if (field.length() > Utf8Lines.LONGEST) {
      return "a quoted field goes on for more than %d MB; its closing quote may be missing."
          .formatted(Utf8Lines.LONGEST >> 20);
    }
    int end = text.length();
    while (true) {
      if (quoted || (at < end && text.charAt(at) == '"' && field.isEmpty())) {
        at = quoted ? at : at + 1;
        quoted = true;
        at = quotedPart(text, at);
        if (quoted) {
          return null;
        }
        if (at < end && text.charAt(at) != separator && !isLineEnd(text, at)) {
          return "a quoted field is followed by '%s'; double the quotes inside fields."
              .formatted(text.charAt(at));
        }
      } else {
        at = plainPart(text, at);
      }
      fields.add(field.toString());
      field.setLength(0);
      if (at >= end || text.charAt(at) != separator) {
        return null;
      }
      at++;
    }
  }

  private int quotedPart(String text, int from) {
    int at = from;
    while (at < text.length()) {
      int quote = text.indexOf('"', at);
      if (quote < 0) {
        break;
      }
      field.append(text, at, quote);
      boolean doubled = quote + 1 < text.length() && text.charAt(quote + 1) == '"';
      if (!doubled) {
        quoted = false;
        return quote + 1;
      }
      field.append('"');
      at = quote + 2;
    }
    field.append(text, at, text.length());
    return text.length();
  }

  private int plainPart(String text, int from) {
    int next = text.indexOf(separator, from);
    int end =
        next >= 0 ? next : isLineEnd(text, text.length() - 1) ? text.length() - 1 : text.length();
    field.append(text, from, Math.max(from, end));
    return next >= 0 ? next : text.length();
  }

  private static boolean isLineEnd(String text, int at) {
    return at >= 0 && at == text.length() - 1 && text.charAt(at) == '\r';
  }

  /// Whether a quoted field goes on in the next line.
  boolean open() {
    return quoted;
  }

  /// The fields, and an empty record from now on.
  List<String> take() {
    List<String> taken = fields;
    fields = new ArrayList<>();
    return taken;
  }
}
