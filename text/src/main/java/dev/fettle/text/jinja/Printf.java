package dev.fettle.text.jinja;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Python's `format % arguments`. Source: the Python documentation, "printf-style String
/// Formatting".
final class Printf {
  private static final Pattern CONVERSION =
      Pattern.compile(
          "%(?:\\(([^)]*)\\))?([-0+ #]*)([0-9]+|\\*)?(?:\\.([0-9]+|\\*)?)?[hlL]?(.)?",
          Pattern.DOTALL);

  private final Value arguments;
  private final List<Value> values;
  private int used;
  private boolean byName;

  private Printf(Value arguments) {
    this.arguments = arguments;
    this.values =
        arguments instanceof Value.Seq seq && seq.kind() == Value.SeqKind.TUPLE
            ? seq.items()
            : List.of(arguments);
  }

  static String format(String format, Value arguments) {
    Printf printf = new Printf(arguments);
    StringBuilder out = new StringBuilder();
    Matcher matcher = CONVERSION.matcher(format);
    int end = 0;
    while (matcher.find(end)) {
      out.append(format, end, matcher.start());
      end = matcher.end();
      out.append(printf.converted(matcher));
      if (out.length() > Budget.MAX_TEXT) {
        throw TemplateException.value("a format that writes too much");
      }
    }
    if (printf.used < printf.values.size()
        && !printf.byName
        && !(arguments instanceof Value.Dict)) {
      throw TemplateException.type("not all arguments converted during string formatting");
    }
    return out.append(format.substring(end)).toString();
  }

  private String converted(Matcher matcher) {
    String letter = matcher.group(5);
    if (letter == null) {
      throw TemplateException.value("incomplete format");
    }
    char kind = letter.charAt(0);
    if (kind == '%') {
      return "%";
    }
    String flags = matcher.group(2);
    int width = width(matcher.group(3), 0);
    boolean exact = matcher.group().contains(".");
    int precision = exact ? width(matcher.group(4) == null ? "0" : matcher.group(4), 0) : -1;
    Value value = matcher.group(1) == null ? next() : named(matcher.group(1));
    String text = text(kind, value, precision, flags.contains("#"));
    boolean number = "diufFeEgGxXo".indexOf(kind) >= 0;
    if (number && !text.startsWith("-")) {
      text = (flags.contains("+") ? "+" : flags.contains(" ") ? " " : "") + text;
    }
    return padded(text, width, flags, number);
  }

  private int width(String digits, int otherwise) {
    if (digits == null) {
      return otherwise;
    }
    return NumberFormat.width(
        digits.equals("*") ? Long.toString(Math.abs(Operators.index(next()))) : digits);
  }

  private Value next() {
    if (used == values.size()) {
      throw TemplateException.type("not enough arguments for format string");
    }
    return values.get(used++);
  }

  private Value named(String name) {
    byName = true;
    if (!(arguments instanceof Value.Dict dict)) {
      throw TemplateException.type("format requires a mapping");
    }
    Value value = dict.entries().get(Value.of(name));
    if (value == null) {
      throw new TemplateException(TemplateException.Kind.KEY, "'" + name + "'");
    }
    return value;
  }

  private static String text(char kind, Value value, int precision, boolean alternate) {
    return switch (kind) {
      case 's' -> cut(PythonText.str(value), precision);
      case 'r' -> cut(PythonText.repr(value), precision);
      case 'a' -> cut(PythonText.ascii(PythonText.repr(value)), precision);
      case 'd', 'i', 'u' -> digits(Long.toString(integer(kind, value)), precision);
      case 'x', 'X', 'o' ->
          digits(NumberFormat.whole(integer(kind, value), kind, alternate), precision);
      case 'f', 'F', 'e', 'E', 'g', 'G' ->
          NumberFormat.real(number(value, "must be real number"), kind, precision, alternate);
      case 'c' ->
          value instanceof Value.Str text
              ? text.value()
              : Character.toString((int) integer(kind, value));
      default ->
          throw TemplateException.value(
              "unsupported format character '%s' (0x%x)".formatted(kind, (int) kind));
    };
  }

  private static String cut(String text, int precision) {
    int length = text.codePointCount(0, text.length());
    return precision < 0 || precision >= length
        ? text
        : text.substring(0, text.offsetByCodePoints(0, precision));
  }

  private static String digits(String number, int precision) {
    int sign = number.startsWith("-") ? 1 : 0;
    int missing = Math.max(0, precision - number.length() + sign);
    return number.substring(0, sign) + "0".repeat(missing) + number.substring(sign);
  }

  private static long integer(char kind, Value value) {
    if (value instanceof Value.Int number) {
      return number.value();
    }
    boolean decimal = "diu".indexOf(kind) >= 0;
    if (!decimal && value instanceof Value.Real) {
      throw TemplateException.type("%" + kind + " format: an integer is required, not float");
    }
    String need = decimal ? "a real number is required" : "an integer is required";
    return (long) number(value, "%" + kind + " format: " + need);
  }

  private static double number(Value value, String message) {
    if (!Operators.isNumber(value)) {
      throw TemplateException.type(message + ", not " + PythonText.typeName(value));
    }
    return Operators.real(value);
  }

  private static String padded(String text, int width, String flags, boolean number) {
    int missing = Math.max(0, width - text.codePointCount(0, text.length()));
    if (flags.contains("-")) {
      return text + " ".repeat(missing);
    }
    if (!number || !flags.contains("0")) {
      return " ".repeat(missing) + text;
    }
    int sign = text.startsWith("-") || text.startsWith("+") || text.startsWith(" ") ? 1 : 0;
    return text.substring(0, sign) + "0".repeat(missing) + text.substring(sign);
  }
}
