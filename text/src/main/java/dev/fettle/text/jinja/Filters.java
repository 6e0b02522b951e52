package dev.fettle.text.jinja;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The filters behind `|` that give one value; those that go over sequences are in
/// [SequenceFilters].
final class Filters {
  private static final int MAX_INDENT = 1000;
  private static final Pattern REAL =
      Pattern.compile("[+-]?([0-9](_?[0-9])*+\\.?([0-9](_?[0-9])*+)?|\\.[0-9]+)(e[+-]?[0-9]+)?");
  private static final Pattern WORD = Pattern.compile("\\w+", Pattern.UNICODE_CHARACTER_CLASS);

  private Filters() {}

  interface Filter {
    Value apply(Value value, Arguments arguments, Evaluator evaluator);
  }

  /// Those that look at every letter on its own, in steps of a few letters.
  private static final Set<String> BY_LETTER =
      Set.of("title", "indent", "wordcount", "wordwrap", "center", "truncate", "striptags");

  /// Those that write whatever they are given as text first.
  private static final Set<String> OF_TEXT =
      Set.of(
          "string",
          "safe",
          "escape",
          "e",
          "trim",
          "upper",
          "lower",
          "capitalize",
          "title",
          "replace",
          "indent",
          "format",
          "wordcount",
          "wordwrap",
          "center",
          "truncate",
          "striptags",
          "forceescape",
          "urlencode",
          "pprint",
          "join",
          "xmlattr");

  /// Steps that the filter takes before it gives anything.
  static long cost(String name, Value value) {
    if (value instanceof Value.Str) {
      return Extent.of(value).weight() * (BY_LETTER.contains(name) ? 8 : 1);
    }
    return OF_TEXT.contains(name) ? Budget.PRINT_COST * Extent.of(value).weight() : 1;
  }

  /// The filter of this name, or null.
  static @Nullable Filter find(String name) {
    return switch (name) {
      case "tojson" -> (v, a, e) -> JsonText.write(v, a, e.budget());
      case "default", "d" -> (v, a, _) -> defaulted(v, a);
      case "string" -> (v, _, _) -> soft(v);
      case "safe" -> (v, _, _) -> new Value.Str(PythonText.str(v), true);
      case "escape", "e" -> (v, _, _) -> escape(v);
      case "trim" -> (v, a, e) -> method(v, "strip", a, e);
      case "upper" -> (v, a, e) -> method(v, "upper", a, e);
      case "lower" -> (v, a, e) -> method(v, "lower", a, e);
      case "capitalize" -> (v, a, e) -> method(v, "capitalize", a, e);
      case "title" -> (v, _, _) -> like(v, title(PythonText.str(v)));
      case "replace" -> Filters::replace;
      case "indent" -> Filters::indent;
      case "format" -> (v, a, _) -> format(v, a);
      case "wordcount" -> (v, _, _) -> Value.of(WORD.matcher(PythonText.str(v)).results().count());
      case "length", "count" -> (v, _, _) -> length(v);
      case "int" -> (v, a, _) -> integer(v, a);
      case "float" -> (v, a, _) -> real(v, a.get(0, "default", new Value.Real(0)));
      case "abs" -> (v, _, _) -> absolute(v);
      case "round" -> (v, a, _) -> Rounding.round(v, a);
      case "attr" -> (v, a, e) -> e.access().attributeOnly(v, a.text(0, "name"));
      default -> {
        Filter filter = TextFilters.find(name);
        yield filter == null ? SequenceFilters.find(name) : filter;
      }
    };
  }

  private static Value.Str soft(Value value) {
    return value instanceof Value.Str text ? text : new Value.Str(PythonText.str(value), false);
  }

  private static Value like(Value value, String text) {
    return new Value.Str(text, soft(value).markup());
  }

  private static Value method(Value value, String name, Arguments arguments, Evaluator evaluator) {
    return evaluator.call(evaluator.access().attribute(soft(value), name), arguments);
  }

  private static Value defaulted(Value value, Arguments arguments) {
    boolean alsoFalse = arguments.flag(1, "boolean", false);
    boolean missing = value instanceof Value.Undefined || (alsoFalse && !Operators.truth(value));
    return missing ? arguments.get(0, "default_value", Value.of("")) : value;
  }

  private static Value escape(Value value) {
    Value.Str text = soft(value);
    return text.markup() ? text : new Value.Str(PythonText.escapeHtml(text.value()), true);
  }

  /// Jinja's own rule: a letter is upper case after a space or an opening bracket.
  private static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean wordStart = true;
    for (int c : text.codePoints().toArray()) {
      out.append(
          wordStart
              ? Character.toString(c).toUpperCase(Locale.ROOT)
              : Character.toString(c).toLowerCase(Locale.ROOT));
      wordStart = PythonText.isSpace(c) || "-({[<".indexOf(c) >= 0;
    }
    return out.toString();
  }

  private static Value replace(Value value, Arguments arguments, Evaluator evaluator) {
    Value limit = arguments.get(2, "count", Value.None.NONE);
    return Value.of(
        StringMethods.replace(
            PythonText.str(value),
            arguments.text(0, "old"),
            arguments.text(1, "new"),
            limit instanceof Value.None ? -1 : Operators.index(limit),
            evaluator.budget()));
  }

  private static Value indent(Value value, Arguments arguments, Evaluator evaluator) {
    Value width = arguments.get(0, "width", Value.of(4));
    String indent =
        width instanceof Value.Str text
            ? text.value()
            : " ".repeat(Math.clamp(Operators.index(width), 0, MAX_INDENT));
    boolean first = arguments.flag(1, "first", false);
    boolean blank = arguments.flag(2, "blank", false);
    List<String> lines = StringMethods.lines(PythonText.str(value) + "\n", false);
    evaluator.budget().allowText(indent.length() + 1L, lines.size());
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      boolean indented = i == 0 ? first : blank || !lines.get(i).isEmpty();
      out.append(i == 0 ? "" : "\n").append(indented ? indent : "").append(lines.get(i));
    }
    return like(value, out.toString());
  }

  private static Value format(Value value, Arguments arguments) {
    if (!arguments.named().isEmpty() && !arguments.positional().isEmpty()) {
      throw new TemplateException(
          TemplateException.Kind.FILTER_ARGUMENT,
          "can't handle positional and keyword arguments at the same time");
    }
    Value values =
        arguments.named().isEmpty()
            ? new Value.Seq(arguments.positional(), Value.SeqKind.TUPLE)
            : Value.dict(arguments.named());
    return Value.of(Printf.format(PythonText.str(value), values));
  }

  private static Value length(Value value) {
    Integer length = Operators.length(value);
    if (length == null) {
      throw TemplateException.type(
          "object of type '" + PythonText.typeName(value) + "' has no len()");
    }
    return Value.of(length);
  }

  private static Value integer(Value value, Arguments arguments) {
    Value otherwise = arguments.get(0, "default", Value.of(0));
    long base = arguments.integer(1, "base", 10);
    if (value instanceof Value.Str text && base != 10) {
      try {
        return Value.of(
            Long.parseLong(text.value().strip().replaceFirst("^0[xXoObB]", ""), (int) base));
      } catch (NumberFormatException e) {
        return otherwise;
      }
    }
    if (value instanceof Value.Str text
        && text.value().strip().matches("[+-]?[0-9](_?[0-9]){0,17}")) {
      return Value.of(Long.parseLong(text.value().strip().replace("_", "")));
    }
    Value number = real(value, Value.None.NONE);
    return number instanceof Value.Real real && Double.isFinite(real.value())
        ? Value.of(
            value instanceof Value.Int || value instanceof Value.Bool
                ? Operators.integer(value)
                : (long) real.value())
        : otherwise;
  }

  private static Value real(Value value, Value otherwise) {
    if (Operators.isNumber(value)) {
      return new Value.Real(Operators.real(value));
    }
    if (!(value instanceof Value.Str text)) {
      Operators.failIfUndefined(value);
      return otherwise;
    }
    return switch (text.value().strip().toLowerCase(Locale.ROOT)) {
      case "nan" -> new Value.Real(Double.NaN);
      case "inf", "+inf", "infinity" -> new Value.Real(Double.POSITIVE_INFINITY);
      case "-inf", "-infinity" -> new Value.Real(Double.NEGATIVE_INFINITY);
      case String digits when REAL.matcher(digits).matches() ->
          new Value.Real(Double.parseDouble(digits.replace("_", "")));
      case String _ -> otherwise;
    };
  }

  private static Value absolute(Value value) {
    if (value instanceof Value.Real real) {
      return new Value.Real(Math.abs(real.value()));
    }
    if (Operators.isNumber(value)) {
      return Value.of(Math.abs(Operators.integer(value)));
    }
    Operators.failIfUndefined(value);
    throw TemplateException.type(
        "bad operand type for abs(): '" + PythonText.typeName(value) + "'");
  }
}
