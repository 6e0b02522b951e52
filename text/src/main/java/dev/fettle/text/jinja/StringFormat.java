package dev.fettle.text.jinja;

/// Python's `str.format` as jinja2's sandbox allows it: fields by place or name, their items and
/// attributes, `!r`, `!s` and a format specification.
final class StringFormat {
  private final String format;
  private final Arguments arguments;
  private final Access access;
  private final StringBuilder out = new StringBuilder();
  private int position;
  private int automatic;

  private StringFormat(String format, Arguments arguments, Access access) {
    this.format = format;
    this.arguments = arguments;
    this.access = access;
  }

  static String format(String format, Arguments arguments, Budget budget) {
    StringFormat job = new StringFormat(format, arguments, new Access(budget));
    while (job.position < format.length()) {
      job.step();
      budget.allowText(job.out.length() + 1L, 1);
    }
    return job.out.toString();
  }

  private void step() {
    char c = format.charAt(position);
    boolean doubled = position + 1 < format.length() && format.charAt(position + 1) == c;
    if (c != '{' && c != '}') {
      out.append(c);
      position++;
    } else if (doubled) {
      out.append(c);
      position += 2;
    } else if (c == '}') {
      throw TemplateException.value("Single '}' encountered in format string");
    } else {
      int end = format.indexOf('}', position);
      if (end < 0) {
        throw TemplateException.value("expected '}' before end of string");
      }
      out.append(field(format.substring(position + 1, end)));
      position = end + 1;
    }
  }

  private String field(String field) {
    int colon = field.indexOf(':');
    String head = colon < 0 ? field : field.substring(0, colon);
    String spec = colon < 0 ? "" : field.substring(colon + 1);
    if (spec.indexOf('{') >= 0) {
      throw TemplateException.value("nested fields in a format are not supported");
    }
    int bang = head.indexOf('!');
    Value value = value(bang < 0 ? head : head.substring(0, bang));
    if (bang < 0) {
      return FormatSpec.apply(value, spec);
    }
    String converted =
        switch (head.substring(bang + 1)) {
          case "r", "a" -> PythonText.repr(value);
          case "s" -> PythonText.str(value);
          default -> throw TemplateException.value("Unknown conversion specifier");
        };
    return FormatSpec.apply(Value.of(converted), spec);
  }

  private Value value(String path) {
    int end = 0;
    while (end < path.length() && path.charAt(end) != '.' && path.charAt(end) != '[') {
      end++;
    }
    Value value = first(path.substring(0, end));
    while (end < path.length()) {
      if (path.charAt(end) == '[') {
        int close = path.indexOf(']', end);
        if (close < 0) {
          throw TemplateException.value("Missing ']' in format string");
        }
        value = access.item(value, key(path.substring(end + 1, close)));
        end = close + 1;
      } else {
        int next = end + 1;
        while (next < path.length() && path.charAt(next) != '.' && path.charAt(next) != '[') {
          next++;
        }
        value = access.attribute(value, path.substring(end + 1, next));
        end = next;
      }
    }
    return value;
  }

  private Value first(String name) {
    boolean numbered = name.isEmpty() || isNumber(name);
    if (!numbered) {
      Value value = arguments.named().get(name);
      if (value == null) {
        throw new TemplateException(TemplateException.Kind.KEY, "'" + name + "'");
      }
      return value;
    }
    int place = name.isEmpty() ? automatic++ : Integer.parseInt(name);
    if (place >= arguments.positional().size()) {
      throw new TemplateException(
          TemplateException.Kind.INDEX,
          "Replacement index " + place + " out of range for positional args tuple");
    }
    return arguments.positional().get(place);
  }

  private static Value key(String text) {
    return isNumber(text) ? Value.of(Long.parseLong(text)) : Value.of(text);
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty() && text.length() < 9 && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }
}
