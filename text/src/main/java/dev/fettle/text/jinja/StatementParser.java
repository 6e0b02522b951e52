package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Statement.FilterStep;
import dev.fettle.text.jinja.Statement.Parameter;
import dev.fettle.text.jinja.Statement.Target;
import dev.fettle.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// Tags and the text between them.
final class StatementParser {
  private static final Set<String> CONSTANTS =
      Set.of("true", "false", "none", "True", "False", "None");

  private final TokenStream tokens;

  /// Loops around the place being read, as far as `break` reaches.
  private int loops;

  private final ExpressionParser expressions;

  private StatementParser(TokenStream tokens) {
    this.tokens = tokens;
    this.expressions = new ExpressionParser(tokens);
  }

  /// @throws TemplateException if this is no template
  static List<Statement> parse(String template) {
    StatementParser parser = new StatementParser(new TokenStream(Lexer.tokens(template)));
    List<Statement> body = parser.statements(Set.of());
    parser.tokens.expect(Kind.END);
    return body;
  }

  /// Statements up to a tag of one of these names, which stays to be read, or to the end.
  private List<Statement> statements(Set<String> ends) {
    tokens.enter();
    List<Statement> body = new ArrayList<>();
    while (tokens.peek().kind() != Kind.END) {
      Token token = tokens.next();
      switch (token.kind()) {
        case DATA -> body.add(new Statement.Text(token.text()));
        case VARIABLE_BEGIN -> {
          body.add(new Statement.Output(expressions.expressionOrTuple()));
          tokens.expect(Kind.VARIABLE_END);
        }
        case BLOCK_BEGIN -> {
          if (tokens.peek().kind() == Kind.NAME && ends.contains(tokens.peek().text())) {
            tokens.leave();
            return body;
          }
          body.add(tag());
          tokens.expect(Kind.BLOCK_END);
        }
        case BLOCK_END, VARIABLE_END, NAME, STRING, INTEGER, FLOAT, OPERATOR, END ->
            throw TemplateException.syntax("unexpected " + token.describe(), token.line());
      }
    }
    if (!ends.isEmpty()) {
      throw tokens.unexpected("a tag of " + ends);
    }
    tokens.leave();
    return body;
  }

  /// The body of a tag whose own end is next, up to the tag `end`, which is read.
  private List<Statement> bodyUntil(String end) {
    List<Statement> body = bodyBefore(Set.of(end));
    tokens.expectName(end);
    return body;
  }

  private List<Statement> bodyBefore(Set<String> ends) {
    tokens.expect(Kind.BLOCK_END);
    return statements(ends);
  }

  private Statement tag() {
    Token name = tokens.expect(Kind.NAME);
    return switch (name.text()) {
      case "if" -> choice();
      case "for" -> loop();
      case "break" -> inLoop(new Statement.Break(), name);
      case "continue" -> inLoop(new Statement.Continue(), name);
      case "set" -> set();
      case "filter" -> new Statement.FilterBlock(filters(true), bodyUntil("endfilter"));
      case "with" -> with();
      case "macro" -> macro();
      case "call" -> call();
      case "generation" -> new Statement.Generation(outsideLoops("endgeneration"));
      case "block" -> block();
      default ->
          throw TemplateException.syntax(
              "Encountered unknown tag '" + name.text() + "'.", name.line());
    };
  }

  /// What is rendered by a function of its own in Python cannot end the loop around it.
  private List<Statement> outsideLoops(String end) {
    int around = loops;
    loops = 0;
    List<Statement> body = bodyUntil(end);
    loops = around;
    return body;
  }

  private Statement inLoop(Statement statement, Token tag) {
    if (loops == 0) {
      throw TemplateException.syntax("'" + tag.text() + "' outside loop", tag.line());
    }
    return statement;
  }

  /// A named part, which only templates that extend this one could replace.
  private Statement block() {
    tokens.expectAnyName();
    tokens.skipName("scoped");
    Statement.With part = new Statement.With(List.of(), outsideLoops("endblock"));
    if (tokens.peek().kind() == Kind.NAME) {
      tokens.next();
    }
    return part;
  }

  private Statement choice() {
    List<Statement.Branch> branches = new ArrayList<>();
    do {
      Expression test = expressions.withoutConditional();
      branches.add(new Statement.Branch(test, bodyBefore(Set.of("elif", "else", "endif"))));
    } while (tokens.skipName("elif"));
    List<Statement> otherwise = List.of();
    if (tokens.skipName("else")) {
      otherwise = bodyBefore(Set.of("endif"));
    }
    tokens.expectName("endif");
    return new Statement.If(branches, otherwise);
  }

  private Statement loop() {
    Token first = tokens.peek();
    Target target = target();
    if (first.isName("loop")) {
      throw new TemplateException(
          TemplateException.Kind.ASSERTION,
          "Can't assign to special loop variable in for-loop target");
    }
    tokens.expectName("in");
    Expression items = expressions.withoutConditional();
    Expression condition = tokens.skipName("if") ? expressions.expression() : null;
    boolean recursive = tokens.skipName("recursive");
    loops++;
    List<Statement> body = bodyBefore(Set.of("else", "endfor"));
    loops--;
    List<Statement> otherwise = List.of();
    if (tokens.skipName("else")) {
      otherwise = bodyBefore(Set.of("endfor"));
    }
    tokens.expectName("endfor");
    return new Statement.For(target, items, condition, recursive, body, otherwise);
  }

  private Target target() {
    Target first = singleTarget();
    if (!tokens.atOperator(",")) {
      return first;
    }
    List<Target> targets = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",") && !tokens.atName("in") && !tokens.atOperator("=")) {
      targets.add(singleTarget());
    }
    return new Target.Unpack(targets);
  }

  private Target singleTarget() {
    if (tokens.skipOperator("(")) {
      Target inner = target();
      tokens.expectOperator(")");
      return inner;
    }
    int line = tokens.peek().line();
    String name = tokens.expectAnyName();
    if (CONSTANTS.contains(name)) {
      throw TemplateException.syntax("can't assign to 'const'", line);
    }
    return tokens.skipOperator(".")
        ? new Target.NamespaceAttribute(name, tokens.expectAnyName())
        : new Target.Name(name);
  }

  private Statement set() {
    Target target = target();
    if (tokens.skipOperator("=")) {
      return new Statement.Set(target, expressions.expressionOrTuple());
    }
    return new Statement.SetBlock(target, filters(false), bodyUntil("endset"));
  }

  /// Filters in a row: `| a | b(1)`, in a filter block without the first bar.
  private List<FilterStep> filters(boolean startsWithName) {
    List<FilterStep> steps = new ArrayList<>();
    boolean more = startsWithName || tokens.skipOperator("|");
    while (more) {
      steps.add(new FilterStep(expressions.dottedName(), expressions.optionalArguments()));
      more = tokens.skipOperator("|");
    }
    return steps;
  }

  private Statement with() {
    List<Statement.Set> assignments = new ArrayList<>();
    while (tokens.peek().kind() != Kind.BLOCK_END) {
      if (!assignments.isEmpty()) {
        tokens.expectOperator(",");
      }
      Target target = singleTarget();
      tokens.expectOperator("=");
      assignments.add(new Statement.Set(target, expressions.expression()));
    }
    return new Statement.With(assignments, bodyUntil("endwith"));
  }

  private Statement macro() {
    String name = tokens.expectAnyName();
    List<Parameter> parameters = parameters();
    int start = tokens.position();
    List<Statement> body = outsideLoops("endmacro");
    return new Statement.Macro(
        name,
        parameters,
        body,
        tokens.mentions("varargs", start),
        tokens.mentions("kwargs", start));
  }

  private Statement call() {
    List<Parameter> parameters = tokens.atOperator("(") ? parameters() : List.of();
    if (expressions.expression() instanceof Expression.Call call) {
      return new Statement.CallBlock(parameters, call, outsideLoops("endcall"));
    }
    throw tokens.unexpected("a call");
  }

  private List<Parameter> parameters() {
    tokens.expectOperator("(");
    List<Parameter> parameters = new ArrayList<>();
    while (!tokens.skipOperator(")")) {
      if (!parameters.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(")")) {
          break;
        }
      }
      Token name = tokens.expect(Kind.NAME);
      Parameter parameter =
          new Parameter(name.text(), tokens.skipOperator("=") ? expressions.expression() : null);
      if (parameter.defaultValue() == null
          && !parameters.isEmpty()
          && parameters.getLast().defaultValue() != null) {
        throw TemplateException.syntax(
            "non-default argument follows default argument", name.line());
      }
      parameters.add(parameter);
    }
    return parameters;
  }
}
