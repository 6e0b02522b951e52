package dev.fettle.text.jinja;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The `tojson` filter as transformers defines it: Python's `json.dumps`, not Jinja's own filter,
/// which would escape HTML.
final class JsonText {
  private static final int MAX_INDENT = 100;

  private final StringBuilder out = new StringBuilder();
  private final Budget budget;
  private final boolean ensureAscii;
  private final boolean sortKeys;
  private final @Nullable String indent;
  private final String itemSeparator;
  private final String keySeparator;

  private JsonText(Budget budget, Arguments arguments) {
    this.budget = budget;
    this.ensureAscii = arguments.flag(0, "ensure_ascii", false);
    this.indent = indent(arguments.get(1, "indent", Value.None.NONE));
    Value separators = arguments.get(2, "separators", Value.None.NONE);
    this.sortKeys = arguments.flag(3, "sort_keys", false);
    if (separators instanceof Value.None) {
      itemSeparator = indent == null ? ", " : ",";
      keySeparator = ": ";
    } else {
      List<Value> pair = Operators.iterate(separators);
      if (pair.size() != 2) {
        throw TemplateException.value("separators must be a pair");
      }
      itemSeparator = PythonText.str(pair.get(0));
      keySeparator = PythonText.str(pair.get(1));
    }
  }

  static Value write(Value value, Arguments arguments, Budget budget) {
    JsonText json = new JsonText(budget, arguments);
    json.value(value, 0);
    return Value.of(json.out.toString());
  }

  private static @Nullable String indent(Value indent) {
    return switch (indent) {
      case Value.None _ -> null;
      case Value.Str text -> text.value();
      default -> " ".repeat(Math.clamp(Operators.index(indent), 0, MAX_INDENT));
    };
  }

  private void value(Value value, int depth) {
    budget.enter();
    budget.limitText(out.length());
    switch (value) {
      case Value.None _ -> out.append("null");
      case Value.Bool bool -> out.append(bool == Value.Bool.TRUE);
      case Value.Int number -> out.append(number.value());
      case Value.Real number -> out.append(real(number.value()));
      case Value.Str text -> string(text.value());
      case Value.Dict dict -> object(dict, depth);
      case Value.Seq seq when seq.kind().indexed() -> array(seq.items(), depth);
      case Value.Seq _, Value.Undefined _, Value.Namespace _, Value.Function _, LoopContext _ ->
          throw TemplateException.type(
              "Object of type " + PythonText.typeName(value) + " is not JSON serializable");
    }
    budget.leave();
  }

  private static String real(double value) {
    return switch (PythonText.real(value)) {
      case "nan" -> "NaN";
      case "inf" -> "Infinity";
      case "-inf" -> "-Infinity";
      case String text -> text;
    };
  }

  private void array(List<Value> items, int depth) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    out.append('[');
    for (int i = 0; i < items.size(); i++) {
      out.append(i == 0 ? "" : itemSeparator);
      newline(depth + 1);
      value(items.get(i), depth + 1);
    }
    newline(depth);
    out.append(']');
  }

  private void object(Value.Dict dict, int depth) {
    if (dict.entries().isEmpty()) {
      out.append("{}");
      return;
    }
    out.append('{');
    boolean first = true;
    for (Map.Entry<Value, Value> entry : entries(dict)) {
      out.append(first ? "" : itemSeparator);
      first = false;
      newline(depth + 1);
      string(key(entry.getKey()));
      out.append(keySeparator);
      value(entry.getValue(), depth + 1);
    }
    newline(depth);
    out.append('}');
  }

  private List<Map.Entry<Value, Value>> entries(Value.Dict dict) {
    List<Map.Entry<Value, Value>> entries = List.copyOf(dict.entries().entrySet());
    return sortKeys
        ? entries.stream().sorted((a, b) -> Operators.order("<", a.getKey(), b.getKey())).toList()
        : entries;
  }

  private static String key(Value key) {
    return switch (key) {
      case Value.Str text -> text.value();
      case Value.None _ -> "null";
      case Value.Bool bool -> bool == Value.Bool.TRUE ? "true" : "false";
      case Value.Int number -> Long.toString(number.value());
      case Value.Real number -> real(number.value());
      default ->
          throw TemplateException.type(
              "keys must be str, int, float, bool or None, not " + PythonText.typeName(key));
    };
  }

  private void newline(int depth) {
    if (indent != null) {
      budget.allowText(indent.length(), depth);
      out.append('\n').append(indent.repeat(depth));
    }
  }

  private void string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ' || (ensureAscii && c > '~')) {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
