package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Statement.FilterStep;
import dev.fettle.text.jinja.Statement.Parameter;
import dev.fettle.text.jinja.Statement.Target;
import dev.fettle.text.jinja.TemplateException.Kind;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// Does what statements say.
///
/// Loops, macros and blocks that capture text open a scope, `if` does not. A macro sees the names
/// of the place where it was defined, as they are when it is called.
final class Interpreter {
  private final Budget budget;
  private final Evaluator evaluator;
  private OutputBuffer output;

  Interpreter(Budget budget, OutputBuffer output) {
    this.budget = budget;
    this.evaluator = new Evaluator(budget);
    this.output = output;
  }

  /// What comes after a statement.
  private enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  void run(List<Statement> body, Scope scope) {
    execute(body, scope);
  }

  private Flow execute(List<Statement> body, Scope scope) {
    for (Statement statement : body) {
      budget.enter();
      Flow flow = execute(statement, scope);
      budget.leave();
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  private Flow execute(Statement statement, Scope scope) {
    return switch (statement) {
      case Statement.Text text -> done(() -> output.write(text.text()));
      case Statement.Output print -> done(() -> print(evaluator.evaluate(print.value(), scope)));
      case Statement.If choice -> choose(choice, scope);
      case Statement.For loop ->
          done(() -> loop(loop, scope, evaluator.evaluate(loop.items(), scope), 1));
      case Statement.Break _ -> Flow.BREAK;
      case Statement.Continue _ -> Flow.CONTINUE;
      case Statement.Set set -> done(() -> set(set, scope, scope));
      case Statement.SetBlock block ->
          done(() -> assign(block.target(), captured(block.body(), block.filters(), scope), scope));
      case Statement.FilterBlock block ->
          done(() -> print(captured(block.body(), block.filters(), scope)));
      case Statement.With with -> with(with, scope);
      case Statement.Macro macro -> done(() -> scope.set(macro.name(), macro(macro, scope)));
      case Statement.CallBlock block -> done(() -> callBlock(block, scope));
      case Statement.Generation generation -> done(() -> generation(generation, scope));
    };
  }

  private static Flow done(Runnable action) {
    action.run();
    return Flow.NEXT;
  }

  private void print(Value value) {
    budget.allowPrint(value);
    output.write(PythonText.str(value));
  }

  private Flow choose(Statement.If choice, Scope scope) {
    for (Statement.Branch branch : choice.branches()) {
      if (evaluator.truth(branch.test(), scope)) {
        return execute(branch.body(), scope);
      }
    }
    return execute(choice.otherwise(), scope);
  }

  private void loop(Statement.For loop, Scope scope, Value over, int depth) {
    List<Value> items = accepted(loop, scope, Operators.iterate(over));
    Value.Function.Body recurse =
        loop.recursive()
            ? arguments ->
                captured(() -> loop(loop, scope, arguments.required(0, "iterable"), depth + 1))
            : null;
    LoopContext context = new LoopContext(items, depth, recurse);
    boolean wholeRound = false; // jinja2 does the else part when no round came to its end
    for (Value item : items) {
      budget.spend(1);
      context.advance();
      Scope inner = new Scope(scope);
      inner.set("loop", context);
      assign(loop.target(), item, inner);
      Flow flow = execute(loop.body(), inner);
      wholeRound |= flow == Flow.NEXT;
      if (flow == Flow.BREAK) {
        break;
      }
    }
    if (!wholeRound) {
      execute(loop.otherwise(), new Scope(scope));
    }
  }

  private List<Value> accepted(Statement.For loop, Scope scope, List<Value> items) {
    if (loop.condition() == null) {
      return items;
    }
    List<Value> accepted = new ArrayList<>();
    for (Value item : items) {
      budget.spend(1);
      Scope inner = new Scope(scope);
      assign(loop.target(), item, inner);
      if (evaluator.truth(loop.condition(), inner)) {
        accepted.add(item);
      }
    }
    return accepted;
  }

  private void set(Statement.Set set, Scope from, Scope to) {
    assign(set.target(), evaluator.evaluate(set.value(), from), to);
  }

  private void assign(Target target, Value value, Scope scope) {
    switch (target) {
      case Target.Name name -> scope.set(name.name(), value);
      case Target.NamespaceAttribute attribute -> {
        if (!(scope.get(attribute.namespace()) instanceof Value.Namespace namespace)) {
          throw new TemplateException(
              Kind.RUNTIME, "cannot assign attribute on non-namespace object");
        }
        namespace.attributes().put(attribute.attribute(), value);
      }
      case Target.Unpack unpack -> {
        List<Value> values = unpacked(value, unpack.targets().size());
        for (int i = 0; i < values.size(); i++) {
          assign(unpack.targets().get(i), values.get(i), scope);
        }
      }
    }
  }

  private static List<Value> unpacked(Value value, int expected) {
    if (Operators.isNumber(value) || value instanceof Value.None) {
      throw TemplateException.type(
          "cannot unpack non-iterable " + PythonText.typeName(value) + " object");
    }
    List<Value> values = Operators.iterate(value);
    if (values.size() > expected) {
      throw TemplateException.value("too many values to unpack (expected " + expected + ")");
    }
    if (values.size() < expected) {
      throw TemplateException.value(
          "not enough values to unpack (expected %d, got %d)".formatted(expected, values.size()));
    }
    return values;
  }

  private Flow with(Statement.With with, Scope scope) {
    Scope inner = new Scope(scope);
    with.assignments().forEach(set -> set(set, scope, inner));
    return execute(with.body(), inner);
  }

  private Value captured(List<Statement> body, List<FilterStep> filters, Scope scope) {
    Value value = captured(() -> execute(body, new Scope(scope)));
    for (FilterStep step : filters) {
      value = evaluator.filter(step.name(), value, evaluator.arguments(step.arguments(), scope));
    }
    return value;
  }

  private Value captured(Runnable action) {
    OutputBuffer outside = output;
    OutputBuffer inside = new OutputBuffer(budget);
    output = inside;
    action.run();
    output = outside;
    return budget.charge(Value.of(inside.text()));
  }

  private Value macro(Statement.Macro macro, Scope definition) {
    return new Value.Function(
        macro.name(),
        arguments -> {
          Scope scope = new Scope(definition);
          bind(macro, arguments, scope);
          return captured(() -> execute(macro.body(), scope));
        });
  }

  private void bind(Statement.Macro macro, Arguments arguments, Scope scope) {
    List<Parameter> parameters = macro.parameters();
    List<Value> given = arguments.positional();
    SequencedMap<String, Value> unknown = new LinkedHashMap<>(arguments.named());
    for (int i = 0; i < parameters.size(); i++) {
      Parameter parameter = parameters.get(i);
      @Nullable Value value = i < given.size() ? given.get(i) : unknown.remove(parameter.name());
      scope.set(parameter.name(), argument(value, parameter, scope));
    }
    @Nullable Value caller = unknown.remove("caller");
    if (caller != null) {
      scope.set("caller", caller);
    }
    if (!unknown.isEmpty() && !macro.takesNamed()) {
      throw TemplateException.type(
          "macro '%s' takes no keyword argument '%s'"
              .formatted(macro.name(), unknown.firstEntry().getKey()));
    }
    if (given.size() > parameters.size() && !macro.takesMore()) {
      throw TemplateException.type(
          "macro '%s' takes not more than %d argument(s)"
              .formatted(macro.name(), parameters.size()));
    }
    if (macro.takesNamed()) {
      scope.set("kwargs", Value.dict(unknown));
    }
    if (macro.takesMore()) {
      int more = Math.min(given.size(), parameters.size());
      scope.set("varargs", new Value.Seq(given.subList(more, given.size()), Value.SeqKind.TUPLE));
    }
  }

  private Value argument(@Nullable Value given, Parameter parameter, Scope scope) {
    if (given != null) {
      return given;
    }
    return parameter.defaultValue() != null
        ? evaluator.evaluate(parameter.defaultValue(), scope)
        : Value.Undefined.of("parameter '" + parameter.name() + "' was not provided");
  }

  private void callBlock(Statement.CallBlock block, Scope scope) {
    Arguments given = evaluator.arguments(block.call().arguments(), scope);
    SequencedMap<String, Value> named = new LinkedHashMap<>(given.named());
    Statement.Macro body =
        new Statement.Macro("caller", block.parameters(), block.body(), false, false);
    named.put("caller", macro(body, scope));
    Value target = evaluator.evaluate(block.call().target(), scope);
    print(evaluator.call(target, new Arguments(given.positional(), named)));
  }

  private void generation(Statement.Generation generation, Scope scope) {
    int start = output.length();
    execute(generation.body(), new Scope(scope));
    output.generatedFrom(start);
  }
}
