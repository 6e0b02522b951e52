package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Expression.Relation;
import org.jspecify.annotations.Nullable;

/// The tests behind `is`.
final class Tests {
  private Tests() {}

  interface Test {
    boolean holds(Value value, Arguments arguments);
  }

  /// The test of this name, or null.
  static @Nullable Test find(String name) {
    return switch (name) {
      case "defined" -> (v, _) -> !(v instanceof Value.Undefined);
      case "undefined" -> (v, _) -> v instanceof Value.Undefined;
      case "none" -> (v, _) -> v instanceof Value.None;
      case "boolean" -> (v, _) -> v instanceof Value.Bool;
      case "true" -> (v, _) -> v == Value.Bool.TRUE;
      case "false" -> (v, _) -> v == Value.Bool.FALSE;
      case "integer" -> (v, _) -> v instanceof Value.Int;
      case "float" -> (v, _) -> v instanceof Value.Real;
      case "number" -> (v, _) -> Operators.isNumber(v);
      case "string" -> (v, _) -> v instanceof Value.Str;
      case "mapping" -> (v, _) -> v instanceof Value.Dict;
      case "sequence" -> (v, _) -> isSequence(v);
      case "iterable" ->
          (v, _) -> isSequence(v) || v instanceof Value.Seq || v instanceof LoopContext;
      case "callable" ->
          (v, _) ->
              v instanceof Value.Function
                  || v instanceof LoopContext
                  || v instanceof Value.Undefined; // has __call__, if only to fail
      case "escaped" -> (v, _) -> v instanceof Value.Str text && text.markup();
      case "upper" -> (v, _) -> StringMethods.isUpper(PythonText.str(v));
      case "lower" -> (v, _) -> StringMethods.isLower(PythonText.str(v));
      case "odd" -> (v, _) -> remainder(v, 2) == 1;
      case "even" -> (v, _) -> remainder(v, 2) == 0;
      case "divisibleby" -> Tests::divisibleBy;
      case "sameas" -> (v, a) -> same(v, a.required(0, "other"));
      case "in" -> relation(Relation.IN);
      case "eq", "==", "equalto" -> relation(Relation.EQUAL);
      case "ne", "!=" -> relation(Relation.NOT_EQUAL);
      case "lt", "<", "lessthan" -> relation(Relation.LESS);
      case "le", "<=" -> relation(Relation.LESS_OR_EQUAL);
      case "gt", ">", "greaterthan" -> relation(Relation.GREATER);
      case "ge", ">=" -> relation(Relation.GREATER_OR_EQUAL);
      case "filter" -> (v, _) -> Filters.find(PythonText.str(v)) != null;
      case "test" -> (v, _) -> find(PythonText.str(v)) != null;
      default -> null;
    };
  }

  private static Test relation(Relation relation) {
    return (v, a) -> Operators.compare(relation, v, a.required(0, "other"));
  }

  private static double remainder(Value value, long divisor) {
    if (value instanceof Value.Real real) {
      return real.value() - divisor * Math.floor(real.value() / divisor);
    }
    Operators.failIfUndefined(value);
    if (!Operators.isNumber(value)) {
      throw value instanceof Value.Str
          ? TemplateException.type("not all arguments converted during string formatting")
          : TemplateException.type(
              "unsupported operand type(s) for %: '" + PythonText.typeName(value) + "' and 'int'");
    }
    return Math.floorMod(Operators.integer(value), divisor);
  }

  private static boolean divisibleBy(Value value, Arguments arguments) {
    long divisor = Operators.index(arguments.required(0, "num"));
    if (divisor == 0) {
      throw new TemplateException(TemplateException.Kind.ZERO_DIVISION, "integer modulo by zero");
    }
    return Operators.index(value) % divisor == 0;
  }

  /// What has a length and items, in the eyes of Jinja: undefined values too.
  private static boolean isSequence(Value value) {
    return switch (value) {
      case Value.Str _, Value.Dict _, Value.Undefined _ -> true;
      case Value.Seq seq -> seq.kind().indexed();
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Namespace _,
          Value.Function _,
          LoopContext _ ->
          false;
    };
  }

  private static boolean same(Value a, Value b) {
    return switch (a) {
      case Value.None _, Value.Bool _ -> a.equals(b);
      case Value.Int _, Value.Real _, Value.Str _ -> a.equals(b); // Python shares equal constants
      default -> isIdentical(a, b);
    };
  }

  @SuppressWarnings("ReferenceEquality") // identity is what the test asks for
  private static boolean isIdentical(Value a, Value b) {
    return a == b;
  }
}
