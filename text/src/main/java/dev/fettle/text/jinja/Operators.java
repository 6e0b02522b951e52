package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Expression.Relation;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Truth, order, membership and iteration of values.
final class Operators {
  /// Longest string that is taken apart, at some fifty bytes per character.
  private static final int MAX_CHARACTERS = 1_000_000;

  private Operators() {}

  static boolean truth(Value value) {
    return switch (value) {
      case Value.Undefined _, Value.None _ -> false;
      case Value.Bool bool -> bool == Value.Bool.TRUE;
      case Value.Int number -> number.value() != 0;
      case Value.Real number -> number.value() != 0;
      case Value.Str text -> !text.value().isEmpty();
      case Value.Seq seq -> seq.kind() == Value.SeqKind.GENERATOR || !seq.items().isEmpty();
      case Value.Dict dict -> !dict.entries().isEmpty();
      case Value.Namespace _, Value.Function _, LoopContext _ -> true;
    };
  }

  static boolean compare(Relation relation, Value left, Value right) {
    return switch (relation) {
      case EQUAL -> equal(left, right);
      case NOT_EQUAL -> !equal(left, right);
      case LESS -> order("<", left, right) < 0;
      case LESS_OR_EQUAL -> order("<=", left, right) <= 0;
      case GREATER -> order(">", left, right) > 0;
      case GREATER_OR_EQUAL -> order(">=", left, right) >= 0;
      case IN -> contains(right, left);
      case NOT_IN -> !contains(right, left);
    };
  }

  /// How many values [#compare] may visit.
  static long comparisonCost(Relation relation, Value left, Value right) {
    long smaller = Math.min(Extent.of(left).weight(), Extent.of(right).weight());
    return switch (relation) {
      case EQUAL, NOT_EQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL -> smaller;
      case IN, NOT_IN ->
          right instanceof Value.Seq seq
              ? seq.items().size() * smaller
              : right instanceof Value.Str text ? searchCost(left, text) : 1;
    };
  }

  private static long searchCost(Value part, Value.Str text) {
    long comparisons =
        part instanceof Value.Str wanted
            ? (long) text.value().length() * Math.max(1, wanted.value().length())
            : 0;
    return Extent.of(text).weight() + comparisons / Budget.COMPARISONS_PER_STEP;
  }

  static boolean equal(Value left, Value right) {
    if (isNumber(left) && isNumber(right)) {
      return numberOrder(left, right) == 0;
    }
    return switch (left) {
      case Value.Undefined _ -> right instanceof Value.Undefined;
      case Value.Seq a -> right instanceof Value.Seq b && a.kind() == b.kind() && equal(a, b);
      case Value.Dict a -> right instanceof Value.Dict b && equal(a, b);
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Str _,
          Value.Namespace _,
          Value.Function _,
          LoopContext _ ->
          left.equals(right);
    };
  }

  private static boolean equal(Value.Seq a, Value.Seq b) {
    if (a.items().size() != b.items().size()) {
      return false;
    }
    for (int i = 0; i < a.items().size(); i++) {
      if (!equal(a.items().get(i), b.items().get(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean equal(Value.Dict a, Value.Dict b) {
    if (!a.entries().keySet().equals(b.entries().keySet())) {
      return false;
    }
    for (Map.Entry<Value, Value> entry : a.entries().entrySet()) {
      Value other = b.entries().get(entry.getKey());
      if (other == null || !equal(entry.getValue(), other)) {
        return false;
      }
    }
    return true;
  }

  /// Below, at or above zero as `left` is below, at or above `right`.
  ///
  /// @param symbol the operator, for the error message
  static int order(String symbol, Value left, Value right) {
    if (isNumber(left) && isNumber(right)) {
      return numberOrder(left, right);
    }
    if (left instanceof Value.Str a && right instanceof Value.Str b) {
      return codePointOrder(a.value(), b.value());
    }
    if (left instanceof Value.Seq a && right instanceof Value.Seq b && a.kind() == b.kind()) {
      int shorter = Math.min(a.items().size(), b.items().size());
      for (int i = 0; i < shorter; i++) {
        if (!equal(a.items().get(i), b.items().get(i))) {
          return order(symbol, a.items().get(i), b.items().get(i));
        }
      }
      return Integer.compare(a.items().size(), b.items().size());
    }
    failIfUndefined(left);
    failIfUndefined(right);
    throw TemplateException.type(
        "'%s' not supported between instances of '%s' and '%s'"
            .formatted(symbol, PythonText.typeName(left), PythonText.typeName(right)));
  }

  private static int codePointOrder(String a, String b) {
    int i = 0;
    while (i < Math.min(a.length(), b.length()) && a.charAt(i) == b.charAt(i)) {
      i++;
    }
    if (i == Math.min(a.length(), b.length())) {
      return Integer.compare(a.length(), b.length());
    }
    boolean surrogates = Character.isSurrogate(a.charAt(i)) != Character.isSurrogate(b.charAt(i));
    int order = Character.compare(a.charAt(i), b.charAt(i));
    return surrogates ? (Character.isSurrogate(a.charAt(i)) ? 1 : -1) : order;
  }

  private static int numberOrder(Value left, Value right) {
    return left instanceof Value.Real || right instanceof Value.Real
        ? Double.compare(real(left) + 0.0, real(right) + 0.0) // +0.0 makes -0.0 equal to 0.0
        : Long.compare(integer(left), integer(right));
  }

  static boolean contains(Value container, Value item) {
    return switch (container) {
      case Value.Str text -> {
        if (item instanceof Value.Str part) {
          yield text.value().contains(part.value());
        }
        throw TemplateException.type(
            "'in <string>' requires string as left operand, not " + PythonText.typeName(item));
      }
      case Value.Dict dict -> dict.entries().containsKey(item);
      case Value.Seq seq -> seq.items().stream().anyMatch(element -> equal(element, item));
      case Value.Undefined _ -> false;
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Namespace _,
          Value.Function _,
          LoopContext _ ->
          throw TemplateException.type(
              "argument of type '" + PythonText.typeName(container) + "' is not iterable");
    };
  }

  /// What a loop over the value visits.
  static List<Value> iterate(Value value) {
    return switch (value) {
      case Value.Undefined _ -> List.of();
      case Value.Seq seq -> seq.items();
      case Value.Dict dict -> List.copyOf(dict.entries().keySet());
      case Value.Str text when text.value().length() > MAX_CHARACTERS ->
          throw new TemplateException(
              TemplateException.Kind.LIMIT, "a loop over more than a million characters");
      case Value.Str text ->
          text.value().codePoints().mapToObj(c -> Value.of(Character.toString(c))).toList();
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Namespace _,
          Value.Function _,
          LoopContext _ ->
          throw TemplateException.type(
              "'" + PythonText.typeName(value) + "' object is not iterable");
    };
  }

  /// `len(value)`; null if it has none.
  static @Nullable Integer length(Value value) {
    return switch (value) {
      case Value.Undefined _ -> 0;
      case Value.Str text -> text.value().codePointCount(0, text.value().length());
      case Value.Seq seq -> seq.kind() == Value.SeqKind.GENERATOR ? null : seq.items().size();
      case Value.Dict dict -> dict.entries().size();
      case LoopContext loop -> loop.length();
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Namespace _,
          Value.Function _ ->
          null;
    };
  }

  static boolean isNumber(Value value) {
    return value instanceof Value.Int || value instanceof Value.Real || value instanceof Value.Bool;
  }

  static long integer(Value value) {
    return value instanceof Value.Int number ? number.value() : value == Value.Bool.TRUE ? 1 : 0;
  }

  static double real(Value value) {
    return value instanceof Value.Real number ? number.value() : integer(value);
  }

  /// An integer where Python takes nothing else.
  static long index(Value value) {
    if (value instanceof Value.Int || value instanceof Value.Bool) {
      return integer(value);
    }
    failIfUndefined(value);
    throw TemplateException.type(
        "'" + PythonText.typeName(value) + "' object cannot be interpreted as an integer");
  }

  static void failIfUndefined(Value value) {
    if (value instanceof Value.Undefined undefined) {
      throw undefined.error();
    }
  }
}
