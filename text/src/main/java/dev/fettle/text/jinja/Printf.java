package dev.fettle.text.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Python's `format % arguments` for `%s`, `%r`, `%d`, `%f`, `%x` and `%%`.
final class Printf {
  private static final int MAX_WIDTH = 1000;
  private static final Pattern CONVERSION =
      Pattern.compile("%([-0+ ]*)([0-9]*)(?:\\.([0-9]+))?([a-zA-Z%])");

  private Printf() {}

  static String format(String format, Value arguments) {
    List<Value> values =
        arguments instanceof Value.Seq seq && seq.kind() == Value.SeqKind.TUPLE
            ? seq.items()
            : List.of(arguments);
    StringBuilder out = new StringBuilder();
    Matcher matcher = CONVERSION.matcher(format);
    int used = 0;
    int end = 0;
    while (matcher.find()) {
      out.append(format, end, matcher.start());
      end = matcher.end();
      if (matcher.group(4).equals("%")) {
        out.append('%');
        continue;
      }
      if (used == values.size()) {
        throw TemplateException.type("not enough arguments for format string");
      }
      out.append(padded(converted(matcher, values.get(used++)), matcher));
    }
    if (used < values.size() && !(arguments instanceof Value.Dict)) {
      throw TemplateException.type("not all arguments converted during string formatting");
    }
    return out.append(format.substring(end)).toString();
  }

  private static String converted(Matcher matcher, Value value) {
    String precision = matcher.group(3);
    return switch (matcher.group(4)) {
      case "s" -> {
        String text = PythonText.str(value);
        int limit = precision == null ? text.length() : width(precision);
        yield text.substring(0, Math.min(limit, text.length()));
      }
      case "r" -> PythonText.repr(value);
      case "d", "i" -> signed(matcher, Long.toString(integer(matcher, value)));
      case "x" -> Long.toHexString(integer(matcher, value));
      case "f" ->
          signed(
              matcher,
              new BigDecimal(number(value, "must be real number"))
                  .setScale(precision == null ? 6 : width(precision), RoundingMode.HALF_EVEN)
                  .toPlainString());
      default ->
          throw TemplateException.value("unsupported format character '" + matcher.group(4) + "'");
    };
  }

  private static long integer(Matcher matcher, Value value) {
    String format = "%" + matcher.group(4) + " format: a real number is required";
    return value instanceof Value.Int number ? number.value() : (long) number(value, format);
  }

  private static String signed(Matcher matcher, String number) {
    return matcher.group(1).contains("+") && !number.startsWith("-") ? "+" + number : number;
  }

  private static String padded(String text, Matcher matcher) {
    int missing =
        matcher.group(2).isEmpty() ? 0 : Math.max(0, width(matcher.group(2)) - text.length());
    if (matcher.group(1).contains("-")) {
      return text + " ".repeat(missing);
    }
    boolean zeros = matcher.group(1).contains("0") && !matcher.group(4).equals("s");
    if (!zeros) {
      return " ".repeat(missing) + text;
    }
    int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    return text.substring(0, sign) + "0".repeat(missing) + text.substring(sign);
  }

  private static int width(String digits) {
    int width = digits.length() > 4 ? Integer.MAX_VALUE : Integer.parseInt(digits);
    if (width > MAX_WIDTH) {
      throw TemplateException.value("a format wider than " + MAX_WIDTH);
    }
    return width;
  }

  private static double number(Value value, String message) {
    if (!Operators.isNumber(value)) {
      throw TemplateException.type(message + ", not " + PythonText.typeName(value));
    }
    return Operators.real(value);
  }
}
