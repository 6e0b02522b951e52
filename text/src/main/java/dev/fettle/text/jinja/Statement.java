package dev.fettle.text.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a template does.
sealed interface Statement {
  /// Text outside of tags.
  record Text(String text) implements Statement {}

  /// `{{ value }}`.
  record Output(Expression value) implements Statement {}

  record If(List<Branch> branches, List<Statement> otherwise) implements Statement {}

  record Branch(Expression test, List<Statement> body) {}

  /// @param condition leaves out items before `loop` counts them
  /// @param otherwise what to do when there are no items
  record For(
      Target target,
      Expression items,
      @Nullable Expression condition,
      boolean recursive,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {}

  record Break() implements Statement {}

  record Continue() implements Statement {}

  record Set(Target target, Expression value) implements Statement {}

  /// `{% set target | filters %}body{% endset %}`.
  record SetBlock(Target target, List<FilterStep> filters, List<Statement> body)
      implements Statement {}

  record FilterBlock(List<FilterStep> filters, List<Statement> body) implements Statement {}

  record FilterStep(String name, Expression.CallArguments arguments) {}

  record With(List<Set> assignments, List<Statement> body) implements Statement {}

  /// @param takesMore whether it looks at `varargs`, further arguments by place
  /// @param takesNamed whether it looks at `kwargs`, further arguments by name
  record Macro(
      String name,
      List<Parameter> parameters,
      List<Statement> body,
      boolean takesMore,
      boolean takesNamed)
      implements Statement {}

  record Parameter(String name, @Nullable Expression defaultValue) {}

  /// `{% call(parameters) call %}body{% endcall %}`: the macro called can render the body.
  record CallBlock(List<Parameter> parameters, Expression.Call call, List<Statement> body)
      implements Statement {}

  /// `{% generation %}`: what the model is to learn to write.
  record Generation(List<Statement> body) implements Statement {}

  /// Where a value is stored.
  sealed interface Target {
    record Name(String name) implements Target {}

    record NamespaceAttribute(String namespace, String attribute) implements Target {}

    record Unpack(List<Target> targets) implements Target {}
  }
}
