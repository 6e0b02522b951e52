package dev.fettle.text.jinja;

import java.math.BigDecimal;
import java.math.RoundingMode;

/// The `round` filter: halves go to the even neighbour of the exact binary value, as in Python's
/// `round`.
final class Rounding {
  private static final int MAX_PRECISION = 300;

  private Rounding() {}

  static Value round(Value value, Arguments arguments) {
    Operators.failIfUndefined(value);
    if (!Operators.isNumber(value)) {
      throw TemplateException.type(
          "type " + PythonText.typeName(value) + " doesn't define __round__ method");
    }
    long precision = arguments.integer(0, "precision", 0);
    String method = PythonText.str(arguments.get(1, "method", Value.of("common")));
    RoundingMode mode =
        switch (method) {
          case "common" -> RoundingMode.HALF_EVEN;
          case "ceil" -> RoundingMode.CEILING;
          case "floor" -> RoundingMode.FLOOR;
          default ->
              throw TemplateException.value("method must be common, ceil or floor, not " + method);
        };
    if (mode == RoundingMode.HALF_EVEN && !(value instanceof Value.Real)) {
      long whole = Operators.integer(value);
      boolean unchanged = precision >= 0 || precision < -MAX_PRECISION;
      return Value.of(
          unchanged
              ? precision >= 0 ? whole : 0
              : new BigDecimal(whole).setScale((int) precision, mode).longValue());
    }
    double number = Operators.real(value);
    if (!Double.isFinite(number) || Math.abs(precision) > MAX_PRECISION) {
      return new Value.Real(number);
    }
    double rounded = new BigDecimal(number).setScale((int) precision, mode).doubleValue();
    return new Value.Real(Math.copySign(rounded, number));
  }
}
