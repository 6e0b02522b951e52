package dev.fettle.text.jinja;

import java.math.BigDecimal;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// `str()` and `repr()` of values, and Python's idea of white space.
final class PythonText {
  private PythonText() {}

  static String str(Value value) {
    return value instanceof Value.Str text ? text.value() : repr(value);
  }

  static String repr(Value value) {
    return switch (value) {
      case Value.Undefined _ -> "";
      case Value.None _ -> "None";
      case Value.Bool bool -> bool == Value.Bool.TRUE ? "True" : "False";
      case Value.Int number -> Long.toString(number.value());
      case Value.Real number -> real(number.value());
      case Value.Str text -> quoted(text.value());
      case Value.Seq seq -> sequence(seq);
      case Value.Dict dict ->
          dict.entries().entrySet().stream()
              .map(e -> element(e.getKey()) + ": " + element(e.getValue()))
              .collect(Collectors.joining(", ", "{", "}"));
      case Value.Namespace namespace ->
          namespace.attributes().entrySet().stream()
              .map(e -> quoted(e.getKey()) + ": " + attribute(e.getValue()))
              .collect(Collectors.joining(", ", "<Namespace {", "}>"));
      case Value.Function function -> "<function " + function.name() + ">";
      case LoopContext loop -> "<LoopContext " + loop.index() + "/" + loop.length() + ">";
    };
  }

  /// A namespace can hold itself.
  private static String attribute(Value value) {
    return value instanceof Value.Namespace ? "<Namespace>" : element(value);
  }

  private static String element(Value value) {
    return switch (value) {
      case Value.Undefined _ -> "Undefined";
      case Value.Str text when text.markup() -> "Markup(" + repr(value) + ")";
      default -> repr(value);
    };
  }

  private static String sequence(Value.Seq seq) {
    String items = seq.items().stream().map(PythonText::element).collect(Collectors.joining(", "));
    return switch (seq.kind()) {
      case LIST -> "[" + items + "]";
      case TUPLE -> seq.items().size() == 1 ? "(" + items + ",)" : "(" + items + ")";
      case DICT_KEYS, DICT_VALUES, DICT_ITEMS -> seq.kind().typeName + "([" + items + "])";
      case GENERATOR -> "<generator object>";
    };
  }

  /// The name `type(value).__name__` has in error messages.
  static String typeName(Value value) {
    return switch (value) {
      case Value.Undefined _ -> "Undefined";
      case Value.None _ -> "NoneType";
      case Value.Bool _ -> "bool";
      case Value.Int _ -> "int";
      case Value.Real _ -> "float";
      case Value.Str text -> text.markup() ? "Markup" : "str";
      case Value.Seq seq -> seq.kind().typeName;
      case Value.Dict _ -> "dict";
      case Value.Namespace _ -> "Namespace";
      case Value.Function _ -> "function";
      case LoopContext _ -> "LoopContext";
    };
  }

  /// Shortest digits that read back the same; exponents from 1e16 and below 1e-4, as Python's
  /// `repr`.
  static String real(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    if (Math.abs(value) == Double.MIN_VALUE) {
      return value < 0 ? "-5e-324" : "5e-324"; // Java insists on two digits
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal decimal = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    int exponent = decimal.precision() - decimal.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = decimal.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String digits = decimal.unscaledValue().abs().toString();
    return (value < 0 ? "-" : "")
        + digits.charAt(0)
        + (digits.length() > 1 ? "." + digits.substring(1) : "")
        + (exponent < 0 ? "e-" : "e+")
        + (Math.abs(exponent) < 10 ? "0" : "")
        + Math.abs(exponent);
  }

  private static String quoted(String text) {
    char quote = text.contains("'") && !text.contains("\"") ? '"' : '\'';
    StringBuilder out = new StringBuilder().append(quote);
    text.codePoints()
        .forEach(c -> {
          switch (c) {
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            case '\\' -> out.append("\\\\");
            default -> {
              if (c == quote) {
                out.append('\\').append(quote);
              } else if (printable(c)) {
                out.appendCodePoint(c);
              } else {
                out.append(escaped(c));
              }
            }
          }
        });
    return out.append(quote).toString();
  }

  /// `ascii()`: everything beyond ASCII as an escape.
  static String ascii(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          if (c < 128) {
            out.append((char) c);
          } else {
            out.append(escaped(c));
          }
        });
    return out.toString();
  }

  private static String escaped(int c) {
    return c < 256
        ? "\\x%02x".formatted(c)
        : c < 65536 ? "\\u%04x".formatted(c) : "\\U%08x".formatted(c);
  }

  static boolean printable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true; // letters, marks, numbers, punctuation, symbols
    };
  }

  /// Whether `str.isspace` holds for this character.
  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }

  /// @param characters what to remove; white space if null
  static String stripStart(String text, @Nullable String characters) {
    int start = 0;
    while (start < text.length() && strips(text.codePointAt(start), characters)) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  /// @param characters what to remove; white space if null
  static String stripEnd(String text, @Nullable String characters) {
    int end = text.length();
    while (end > 0 && strips(text.codePointBefore(end), characters)) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  private static boolean strips(int c, @Nullable String characters) {
    return characters == null ? isSpace(c) : characters.indexOf(c) >= 0;
  }

  /// What `markupsafe.escape` does.
  static String escapeHtml(String text) {
    return text.replace("&", "&amp;")
        .replace(">", "&gt;")
        .replace("<", "&lt;")
        .replace("'", "&#39;")
        .replace("\"", "&#34;");
  }
}
