package dev.fettle.text.jinja;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// One `format_spec` of Python's format language, such as `>8.2f`. Source: the Python
/// documentation, "Format Specification Mini-Language".
final class FormatSpec {
  private static final Pattern SPEC =
      Pattern.compile(
          "(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?([0-9]+)?([_,])?(?:\\.([0-9]+))?([a-zA-Z%])?",
          Pattern.DOTALL);

  private final Matcher spec;
  private final Value value;

  private FormatSpec(Matcher spec, Value value) {
    this.spec = spec;
    this.value = value;
  }

  static String apply(Value value, String text) {
    if (text.isEmpty()) {
      return PythonText.str(value);
    }
    boolean formattable = Operators.isNumber(value) || value instanceof Value.Str;
    if (!formattable) {
      throw TemplateException.type(
          "unsupported format string passed to " + PythonText.typeName(value) + ".__format__");
    }
    Matcher spec = SPEC.matcher(text);
    if (!spec.matches()) {
      throw TemplateException.value(
          "Invalid format specifier '%s' for object of type '%s'"
              .formatted(text, PythonText.typeName(value)));
    }
    return new FormatSpec(spec, value).format();
  }

  private String format() {
    char kind = spec.group(9) == null ? ' ' : spec.group(9).charAt(0);
    int precision = spec.group(8) == null ? -1 : NumberFormat.width(spec.group(8));
    if (value instanceof Value.Str text) {
      if (kind != ' ' && kind != 's') {
        throw unknown(kind);
      }
      int length = text.value().codePointCount(0, text.value().length());
      int end =
          text.value().offsetByCodePoints(0, precision < 0 ? length : Math.min(length, precision));
      return padded(text.value().substring(0, end), false);
    }
    return padded(grouped(signed(number(kind, precision))), true);
  }

  private String number(char kind, int precision) {
    boolean alternate = spec.group(4) != null;
    return switch (kind) {
      case 'd', 'x', 'X', 'o', 'b' -> {
        if (value instanceof Value.Real) {
          throw unknown(kind);
        }
        yield NumberFormat.whole(Operators.integer(value), kind, alternate);
      }
      case 'c' -> Character.toString((int) Operators.index(value));
      case 'e', 'E', 'f', 'F', 'g', 'G' ->
          NumberFormat.real(Operators.real(value), kind, precision, alternate);
      case '%' -> NumberFormat.real(Operators.real(value) * 100, 'f', precision, alternate) + "%";
      case ' ' -> {
        if (value instanceof Value.Real real) {
          yield precision < 0
              ? PythonText.real(real.value())
              : NumberFormat.real(real.value(), 'g', precision, alternate);
        }
        yield Long.toString(Operators.integer(value));
      }
      default -> throw unknown(kind);
    };
  }

  private String signed(String number) {
    String sign = spec.group(3);
    return sign == null || sign.equals("-") || number.startsWith("-") ? number : sign + number;
  }

  private String grouped(String number) {
    String separator = spec.group(7);
    return separator == null ? number : NumberFormat.grouped(number, separator.charAt(0));
  }

  private String padded(String text, boolean number) {
    int width = spec.group(6) == null ? 0 : NumberFormat.width(spec.group(6));
    int missing = Math.max(0, width - text.codePointCount(0, text.length()));
    boolean zeros = spec.group(5) != null && spec.group(2) == null;
    String fill = zeros ? "0" : spec.group(1) == null ? " " : spec.group(1);
    String align = spec.group(2);
    char place = align == null ? zeros && number ? '=' : number ? '>' : '<' : align.charAt(0);
    return switch (place) {
      case '<' -> text + fill.repeat(missing);
      case '^' -> fill.repeat(missing / 2) + text + fill.repeat(missing - missing / 2);
      case '=' -> {
        int sign = text.startsWith("-") || text.startsWith("+") || text.startsWith(" ") ? 1 : 0;
        yield text.substring(0, sign) + fill.repeat(missing) + text.substring(sign);
      }
      default -> fill.repeat(missing) + text;
    };
  }

  private TemplateException unknown(char kind) {
    return TemplateException.value(
        "Unknown format code '%s' for object of type '%s'"
            .formatted(kind, PythonText.typeName(value)));
  }
}
