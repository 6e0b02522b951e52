package dev.fettle.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What has a value.
sealed interface Expression {
  record Literal(Value value) implements Expression {}

  record Name(String name) implements Expression {}

  record ListLiteral(List<Expression> items) implements Expression {}

  record TupleLiteral(List<Expression> items) implements Expression {}

  record DictLiteral(List<Entry> entries) implements Expression {}

  record Entry(Expression key, Expression value) {}

  /// `target.name`: an attribute, else an item.
  record Attribute(Expression target, String name) implements Expression {}

  /// `target[key]`: an item, else an attribute.
  record Item(Expression target, Expression key) implements Expression {}

  /// `target[start:stop:step]`.
  record Slice(
      Expression target,
      @Nullable Expression start,
      @Nullable Expression stop,
      @Nullable Expression step)
      implements Expression {}

  record Call(Expression target, CallArguments arguments) implements Expression {}

  /// `target | name(arguments)`.
  record Filter(Expression target, String name, CallArguments arguments) implements Expression {}

  /// `target is name(arguments)`.
  record Test(Expression target, String name, CallArguments arguments) implements Expression {}

  record Not(Expression operand) implements Expression {}

  record Negative(Expression operand) implements Expression {}

  record Positive(Expression operand) implements Expression {}

  record And(Expression left, Expression right) implements Expression {}

  record Or(Expression left, Expression right) implements Expression {}

  record Arithmetic(Operator operator, Expression left, Expression right) implements Expression {}

  enum Operator {
    ADD("+"),
    SUBTRACT("-"),
    MULTIPLY("*"),
    DIVIDE("/"),
    FLOOR_DIVIDE("//"),
    MODULO("%"),
    POWER("** or pow()");

    final String symbol;

    Operator(String symbol) {
      this.symbol = symbol;
    }
  }

  /// `first < a <= b`: true if each comparison of neighbours is.
  record Comparison(Expression first, List<Link> links) implements Expression {}

  record Link(Relation relation, Expression right) {}

  enum Relation {
    EQUAL,
    NOT_EQUAL,
    LESS,
    LESS_OR_EQUAL,
    GREATER,
    GREATER_OR_EQUAL,
    IN,
    NOT_IN
  }

  /// `a ~ b ~ c`.
  record Concat(List<Expression> items) implements Expression {}

  /// `then if test else otherwise`; undefined without an `else`.
  record Conditional(Expression test, Expression then, @Nullable Expression otherwise)
      implements Expression {}

  /// @param spread the expression behind `*`
  /// @param namedSpread the expression behind `**`
  record CallArguments(
      List<Expression> positional,
      List<NamedArgument> named,
      @Nullable Expression spread,
      @Nullable Expression namedSpread) {
    static final CallArguments NONE = new CallArguments(List.of(), List.of(), null, null);
  }

  record NamedArgument(String name, Expression value) {}
}
