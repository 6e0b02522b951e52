package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Expression.Operator;
import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.ArrayList;
import java.util.List;

/// Python's arithmetic, on 64-bit integers: what does not fit raises an error instead of growing.
record Arithmetic(Budget budget) {

  Value apply(Operator operator, Value left, Value right) {
    Operators.failIfUndefined(left);
    Operators.failIfUndefined(right);
    if (Operators.isNumber(left) && Operators.isNumber(right)) {
      return left instanceof Value.Real || right instanceof Value.Real
          ? new Value.Real(real(operator, Operators.real(left), Operators.real(right)))
          : integer(operator, Operators.integer(left), Operators.integer(right));
    }
    return switch (operator) {
      case ADD -> add(left, right);
      case MULTIPLY -> multiply(left, right);
      case MODULO -> {
        if (left instanceof Value.Str format) {
          yield Value.of(Printf.format(format.value(), right));
        }
        throw unsupported(operator, left, right);
      }
      case SUBTRACT, DIVIDE, FLOOR_DIVIDE, POWER -> throw unsupported(operator, left, right);
    };
  }

  private Value add(Value left, Value right) {
    if (left instanceof Value.Str a && right instanceof Value.Str b) {
      return concat(a, b);
    }
    if (left instanceof Value.Seq a
        && right instanceof Value.Seq b
        && a.kind() == b.kind()
        && a.kind().indexed()) {
      budget.spend(a.items().size() + b.items().size());
      List<Value> items = new ArrayList<>(a.items());
      items.addAll(b.items());
      return new Value.Seq(items, a.kind());
    }
    if (left instanceof Value.Str || left instanceof Value.Seq) {
      String type = PythonText.typeName(left);
      throw TemplateException.type(
          "can only concatenate %s (not \"%s\") to %s"
              .formatted(type, PythonText.typeName(right), type));
    }
    throw unsupported(Operator.ADD, left, right);
  }

  private static Value concat(Value.Str a, Value.Str b) {
    if (!a.markup() && !b.markup()) {
      return Value.of(a.value() + b.value());
    }
    return new Value.Str(escaped(a) + escaped(b), true);
  }

  private static String escaped(Value.Str text) {
    return text.markup() ? text.value() : PythonText.escapeHtml(text.value());
  }

  private Value multiply(Value left, Value right) {
    if (right instanceof Value.Str || right instanceof Value.Seq) {
      return repeat(right, left);
    }
    return repeat(left, right);
  }

  private Value repeat(Value subject, Value times) {
    if (!(times instanceof Value.Int || times instanceof Value.Bool)) {
      throw unsupported(Operator.MULTIPLY, subject, times);
    }
    long count = Math.max(0, Operators.integer(times));
    if (subject instanceof Value.Str text) {
      budget.allowText(text.value().length(), count);
      return new Value.Str(text.value().repeat((int) count), text.markup());
    }
    if (subject instanceof Value.Seq seq && seq.kind().indexed()) {
      budget.allowText(seq.items().size(), count);
      List<Value> items = new ArrayList<>();
      for (long i = 0; i < count; i++) {
        items.addAll(seq.items());
      }
      return new Value.Seq(items, seq.kind());
    }
    throw unsupported(Operator.MULTIPLY, subject, times);
  }

  private static Value integer(Operator operator, long a, long b) {
    try {
      return switch (operator) {
        case ADD -> Value.of(Math.addExact(a, b));
        case SUBTRACT -> Value.of(Math.subtractExact(a, b));
        case MULTIPLY -> Value.of(Math.multiplyExact(a, b));
        case DIVIDE -> new Value.Real(a / (double) nonZero(b, "division by zero"));
        case FLOOR_DIVIDE ->
            Value.of(Math.floorDiv(a, nonZero(b, "integer division or modulo by zero")));
        case MODULO -> Value.of(Math.floorMod(a, nonZero(b, "integer modulo by zero")));
        case POWER -> b < 0 ? new Value.Real(inversePower(a, b)) : Value.of(power(a, b));
      };
    } catch (ArithmeticException e) {
      throw new TemplateException(Kind.OVERFLOW, "an integer exceeds 64 bits");
    }
  }

  private static long power(long base, long exponent) {
    long result = 1;
    for (long i = 0; i < exponent && (result != 0 && Math.abs(base) > 1 || i == 0); i++) {
      result = Math.multiplyExact(result, base);
    }
    return base == -1 && exponent % 2 == 0 ? 1 : result;
  }

  private static double inversePower(double base, double exponent) {
    nonZero(base, "0.0 cannot be raised to a negative power");
    return Math.pow(base, exponent);
  }

  private static double real(Operator operator, double a, double b) {
    return switch (operator) {
      case ADD -> a + b;
      case SUBTRACT -> a - b;
      case MULTIPLY -> a * b;
      case DIVIDE -> a / nonZero(b, "float division by zero");
      case FLOOR_DIVIDE -> Math.floor(a / nonZero(b, "float floor division by zero"));
      case MODULO -> a - b * Math.floor(a / nonZero(b, "float modulo"));
      case POWER -> b < 0 ? inversePower(a, b) : Math.pow(a, b);
    };
  }

  private static long nonZero(long value, String message) {
    if (value == 0) {
      throw new TemplateException(Kind.ZERO_DIVISION, message);
    }
    return value;
  }

  private static double nonZero(double value, String message) {
    if (value == 0) {
      throw new TemplateException(Kind.ZERO_DIVISION, message);
    }
    return value;
  }

  private static TemplateException unsupported(Operator operator, Value left, Value right) {
    return TemplateException.type(
        "unsupported operand type(s) for %s: '%s' and '%s'"
            .formatted(operator.symbol, PythonText.typeName(left), PythonText.typeName(right)));
  }
}
