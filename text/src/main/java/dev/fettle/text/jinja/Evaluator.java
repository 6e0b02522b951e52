package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Expression.CallArguments;
import dev.fettle.text.jinja.Expression.Link;
import dev.fettle.text.jinja.Expression.NamedArgument;
import dev.fettle.text.jinja.Expression.Operator;
import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Gives expressions their values.
final class Evaluator {
  private final Budget budget;
  private final Access access;
  private final Arithmetic arithmetic;

  Evaluator(Budget budget) {
    this.budget = budget;
    this.access = new Access(budget);
    this.arithmetic = new Arithmetic(budget);
  }

  Budget budget() {
    return budget;
  }

  Access access() {
    return access;
  }

  Value evaluate(Expression expression, Scope scope) {
    budget.enter();
    Value value =
        switch (expression) {
          case Expression.Literal literal -> literal.value();
          case Expression.Name name -> name(name.name(), scope);
          case Expression.ListLiteral list -> Value.list(all(list.items(), scope));
          case Expression.TupleLiteral tuple ->
              new Value.Seq(all(tuple.items(), scope), Value.SeqKind.TUPLE);
          case Expression.DictLiteral dict -> dict(dict, scope);
          case Expression.Attribute attribute ->
              access.attribute(evaluate(attribute.target(), scope), attribute.name());
          case Expression.Item item ->
              access.item(evaluate(item.target(), scope), evaluate(item.key(), scope));
          case Expression.Slice slice ->
              access.slice(
                  evaluate(slice.target(), scope),
                  bound(slice.start(), scope),
                  bound(slice.stop(), scope),
                  bound(slice.step(), scope));
          case Expression.Call call ->
              call(evaluate(call.target(), scope), arguments(call.arguments(), scope));
          case Expression.Filter filter ->
              filter(
                  filter.name(),
                  evaluate(filter.target(), scope),
                  arguments(filter.arguments(), scope));
          case Expression.Test test ->
              Value.of(
                  test(
                      test.name(),
                      evaluate(test.target(), scope),
                      arguments(test.arguments(), scope)));
          case Expression.Not not -> Value.of(!truth(not.operand(), scope));
          case Expression.Negative negative -> negative(evaluate(negative.operand(), scope));
          case Expression.Positive positive ->
              arithmetic(Operator.ADD, Value.of(0), evaluate(positive.operand(), scope));
          case Expression.And and -> {
            Value left = evaluate(and.left(), scope);
            yield Operators.truth(left) ? evaluate(and.right(), scope) : left;
          }
          case Expression.Or or -> {
            Value left = evaluate(or.left(), scope);
            yield Operators.truth(left) ? left : evaluate(or.right(), scope);
          }
          case Expression.Arithmetic sum ->
              arithmetic(sum.operator(), evaluate(sum.left(), scope), evaluate(sum.right(), scope));
          case Expression.Comparison comparison -> Value.of(comparison(comparison, scope));
          case Expression.Concat concat -> concat(concat, scope);
          case Expression.Conditional conditional -> conditional(conditional, scope);
        };
    budget.leave();
    return value;
  }

  boolean truth(Expression expression, Scope scope) {
    return Operators.truth(evaluate(expression, scope));
  }

  Value arithmetic(Operator operator, Value left, Value right) {
    return budget.charge(arithmetic.apply(operator, left, right));
  }

  /// Calls a macro, a method, a global function, or a recursive loop.
  Value call(Value target, Arguments arguments) {
    return switch (target) {
      case Value.Function function -> budget.charge(function.body().call(arguments));
      case LoopContext loop -> loop.call(arguments);
      case Value.Undefined undefined -> throw undefined.error();
      case Value.None _,
          Value.Bool _,
          Value.Int _,
          Value.Real _,
          Value.Str _,
          Value.Seq _,
          Value.Dict _,
          Value.Namespace _ ->
          throw TemplateException.type(
              "'" + PythonText.typeName(target) + "' object is not callable");
    };
  }

  Value filter(String name, Value value, Arguments arguments) {
    Filters.Filter filter = Filters.find(name);
    if (filter == null) {
      throw new TemplateException(Kind.ASSERTION, "No filter named '" + name + "'.");
    }
    budget.spend(Filters.cost(name, value));
    return budget.charge(filter.apply(value, arguments, this));
  }

  boolean test(String name, Value value, Arguments arguments) {
    Tests.Test test = Tests.find(name);
    if (test == null) {
      throw new TemplateException(Kind.ASSERTION, "No test named '" + name + "'.");
    }
    arguments.all().forEach(argument -> budget.spend(Extent.of(argument).weight()));
    return test.holds(value, arguments);
  }

  Arguments arguments(CallArguments arguments, Scope scope) {
    List<Value> positional = all(arguments.positional(), scope);
    SequencedMap<String, Value> named = new LinkedHashMap<>();
    for (NamedArgument argument : arguments.named()) {
      named.put(argument.name(), evaluate(argument.value(), scope));
    }
    if (arguments.spread() != null) {
      positional.addAll(Operators.iterate(evaluate(arguments.spread(), scope)));
    }
    if (arguments.namedSpread() != null) {
      if (!(evaluate(arguments.namedSpread(), scope) instanceof Value.Dict dict)) {
        throw TemplateException.type("argument after ** must be a mapping");
      }
      dict.entries().forEach((key, value) -> named.put(PythonText.str(key), value));
    }
    return new Arguments(positional, named);
  }

  private static Value name(String name, Scope scope) {
    Value value = scope.get(name);
    return value != null ? value : Value.Undefined.of("'" + name + "' is undefined");
  }

  private List<Value> all(List<Expression> expressions, Scope scope) {
    List<Value> values = new ArrayList<>();
    for (Expression expression : expressions) {
      values.add(evaluate(expression, scope));
    }
    return values;
  }

  private Value dict(Expression.DictLiteral dict, Scope scope) {
    SequencedMap<Value, Value> entries = new LinkedHashMap<>();
    for (Expression.Entry entry : dict.entries()) {
      entries.put(evaluate(entry.key(), scope), evaluate(entry.value(), scope));
    }
    return new Value.Dict(entries);
  }

  private Value bound(@Nullable Expression expression, Scope scope) {
    return expression == null ? Value.None.NONE : evaluate(expression, scope);
  }

  private Value negative(Value value) {
    return value instanceof Value.Real real
        ? new Value.Real(-real.value())
        : arithmetic(Operator.SUBTRACT, Value.of(0), value);
  }

  private boolean comparison(Expression.Comparison comparison, Scope scope) {
    Value left = evaluate(comparison.first(), scope);
    for (Link link : comparison.links()) {
      Value right = evaluate(link.right(), scope);
      budget.spend(Operators.comparisonCost(link.relation(), left, right));
      if (!Operators.compare(link.relation(), left, right)) {
        return false;
      }
      left = right;
    }
    return true;
  }

  private Value concat(Expression.Concat concat, Scope scope) {
    List<String> texts = new ArrayList<>();
    for (Value item : all(concat.items(), scope)) {
      budget.allowPrint(item);
      texts.add(PythonText.str(item));
    }
    return Value.of(StringMethods.joined("", texts, budget));
  }

  private Value conditional(Expression.Conditional conditional, Scope scope) {
    if (truth(conditional.test(), scope)) {
      return evaluate(conditional.then(), scope);
    }
    return conditional.otherwise() != null
        ? evaluate(conditional.otherwise(), scope)
        : Value.Undefined.of(
            "the inline if-expression evaluated to false and no else section was defined.");
  }
}
