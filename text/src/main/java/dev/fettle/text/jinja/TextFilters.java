package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Filters.Filter;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/// The filters that lay out text or make it fit for HTML.
final class TextFilters {
  private static final int CENTER_WIDTH = 80;
  private static final int WRAP_WIDTH = 79;

  private TextFilters() {}

  static @Nullable Filter find(String name) {
    return switch (name) {
      case "center" -> TextFilters::center;
      case "truncate" -> TextFilters::truncate;
      case "wordwrap" -> TextFilters::wordWrap;
      case "striptags" -> (v, _, _) -> Value.of(stripTags(PythonText.str(v)));
      case "forceescape" ->
          (v, _, _) -> new Value.Str(PythonText.escapeHtml(PythonText.str(v)), true);
      case "urlencode" -> (v, _, _) -> Value.of(urlEncode(v));
      case "pprint" -> (v, _, _) -> Value.of(PythonText.repr(v));
      case "xmlattr" -> TextFilters::attributes;
      default -> null;
    };
  }

  private static Value center(Value value, Arguments arguments, Evaluator evaluator) {
    Value.Str text = new Value.Str(PythonText.str(value), false);
    List<Value> width = List.of(arguments.get(0, "width", Value.of(CENTER_WIDTH)));
    return evaluator.call(
        evaluator.access().attribute(text, "center"), new Arguments(width, new LinkedHashMap<>()));
  }

  private static Value truncate(Value value, Arguments arguments, Evaluator evaluator) {
    String text = PythonText.str(value);
    int length = Math.clamp(arguments.integer(0, "length", 255), 0, Integer.MAX_VALUE);
    String end = PythonText.str(arguments.get(2, "end", Value.of("...")));
    long leeway = arguments.integer(3, "leeway", 5);
    int size = text.codePointCount(0, text.length());
    if (length < end.length()) {
      throw new TemplateException(
          TemplateException.Kind.ASSERT,
          "expected length >= %d, got %d".formatted(end.length(), length));
    }
    if (size <= length + leeway) {
      return value;
    }
    String head = text.substring(0, text.offsetByCodePoints(0, length - end.length()));
    int space = head.lastIndexOf(' ');
    boolean kill = arguments.flag(1, "killwords", false);
    return Value.of((kill || space < 0 ? head : head.substring(0, space)) + end);
  }

  private static Value wordWrap(Value value, Arguments arguments, Evaluator evaluator) {
    int width = Math.clamp(arguments.integer(0, "width", WRAP_WIDTH), 1, Integer.MAX_VALUE);
    boolean breakLong = arguments.flag(1, "break_long_words", true);
    Value given = arguments.get(2, "wrapstring", Value.None.NONE);
    String between = given instanceof Value.None ? "\n" : PythonText.str(given);
    StringJoiner lines = new StringJoiner(between);
    for (String line : StringMethods.lines(PythonText.str(value), false)) {
      StringJoiner wrapped = new StringJoiner(between);
      wrap(line, width, breakLong).forEach(wrapped::add);
      lines.add(wrapped.toString());
    }
    return evaluator.budget().charge(Value.of(lines.toString()));
  }

  private static List<String> wrap(String line, int width, boolean breakLong) {
    List<String> lines = new ArrayList<>();
    StringBuilder current = new StringBuilder();
    for (String word : line.split("(?<= )(?! )|(?<! )(?= )", -1)) {
      String rest = word;
      if (current.length() + rest.length() > width && !current.isEmpty()) {
        lines.add(PythonText.stripEnd(current.toString(), " "));
        current.setLength(0);
        rest = rest.isBlank() ? "" : rest;
      }
      while (breakLong && rest.length() > width) {
        lines.add(rest.substring(0, width));
        rest = rest.substring(width);
      }
      current.append(rest);
    }
    String last = PythonText.stripEnd(current.toString(), " ");
    if (!last.isEmpty()) {
      lines.add(last);
    }
    return lines;
  }

  private static String stripTags(String text) {
    StringBuilder out = new StringBuilder();
    int position = 0;
    while (position < text.length()) {
      int open = text.indexOf('<', position);
      int close = open < 0 ? -1 : text.indexOf('>', open);
      if (close < 0) {
        break;
      }
      out.append(text, position, open);
      position = close + 1;
    }
    out.append(text, position, text.length());
    String joined =
        String.join(" ", StringMethods.words(out.toString(), -1))
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&#39;", "'")
            .replace("&#34;", "\"")
            .replace("&quot;", "\"");
    return joined.replace("&amp;", "&");
  }

  private static String urlEncode(Value value) {
    if (value instanceof Value.Dict dict) {
      StringJoiner pairs = new StringJoiner("&");
      for (Map.Entry<Value, Value> entry : dict.entries().entrySet()) {
        pairs.add(form(entry.getKey()) + "=" + form(entry.getValue()));
      }
      return pairs.toString();
    }
    return form(value).replace("+", "%20").replace("%2F", "/");
  }

  private static String form(Value value) {
    return URLEncoder.encode(PythonText.str(value), StandardCharsets.UTF_8)
        .replace("*", "%2A")
        .replace("%7E", "~");
  }

  private static Value attributes(Value value, Arguments arguments, Evaluator evaluator) {
    if (!(value instanceof Value.Dict dict)) {
      throw TemplateException.type("xmlattr needs a mapping");
    }
    StringBuilder out = new StringBuilder();
    for (Map.Entry<Value, Value> entry : dict.entries().entrySet()) {
      boolean absent =
          entry.getValue() instanceof Value.None || entry.getValue() instanceof Value.Undefined;
      if (!absent) {
        out.append(' ')
            .append(PythonText.escapeHtml(PythonText.str(entry.getKey())))
            .append("=\"")
            .append(PythonText.escapeHtml(PythonText.str(entry.getValue())))
            .append('"');
      }
    }
    boolean space = arguments.flag(0, "autospace", true);
    return evaluator
        .budget()
        .charge(Value.of(space || out.isEmpty() ? out.toString() : out.substring(1)));
  }
}
