package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Expression.CallArguments;
import dev.fettle.text.jinja.Expression.Link;
import dev.fettle.text.jinja.Expression.NamedArgument;
import dev.fettle.text.jinja.Expression.Operator;
import dev.fettle.text.jinja.Expression.Relation;
import dev.fettle.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Recursive descent over expressions, one method per level of binding, loosest first.
final class ExpressionParser {
  private static final Set<String> NO_TEST_ARGUMENT =
      Set.of("else", "or", "and", "if", "not", "in");

  private final TokenStream tokens;

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
  }

  Expression expression() {
    tokens.enter();
    Expression value = or();
    while (tokens.skipName("if")) {
      Expression test = or();
      Expression otherwise = tokens.skipName("else") ? expression() : null;
      value = new Expression.Conditional(test, value, otherwise);
    }
    tokens.leave();
    return value;
  }

  /// `a` or `a, b`, up to the end of a tag.
  Expression expressionOrTuple() {
    return tuple(true);
  }

  /// As [#expressionOrTuple], without `a if b else c` on the top level.
  Expression withoutConditional() {
    return tuple(false);
  }

  private Expression tuple(boolean conditional) {
    Expression first = conditional ? expression() : or();
    if (!tokens.atOperator(",")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (tokens.skipOperator(",") && !atTupleEnd()) {
      items.add(conditional ? expression() : or());
    }
    return new Expression.TupleLiteral(items);
  }

  private boolean atTupleEnd() {
    Token token = tokens.peek();
    return token.kind() == Kind.BLOCK_END
        || token.kind() == Kind.VARIABLE_END
        || token.isOperator(")")
        || token.isName("recursive");
  }

  private Expression or() {
    Expression left = and();
    while (tokens.skipName("or")) {
      left = new Expression.Or(left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.skipName("and")) {
      left = new Expression.And(left, not());
    }
    return left;
  }

  private Expression not() {
    if (!tokens.skipName("not")) {
      return comparison();
    }
    tokens.enter();
    Expression negated = new Expression.Not(not());
    tokens.leave();
    return negated;
  }

  private Expression comparison() {
    Expression first = sum();
    List<Link> links = new ArrayList<>();
    for (Relation relation = relation(); relation != null; relation = relation()) {
      links.add(new Link(relation, sum()));
    }
    return links.isEmpty() ? first : new Expression.Comparison(first, links);
  }

  private @Nullable Relation relation() {
    Token token = tokens.peek();
    if (token.isName("not") && tokens.peekSecond().isName("in")) {
      tokens.next();
      tokens.next();
      return Relation.NOT_IN;
    }
    if (token.kind() != Kind.OPERATOR && !token.isName("in")) {
      return null;
    }
    Relation relation =
        switch (token.text()) {
          case "in" -> Relation.IN;
          case "==" -> Relation.EQUAL;
          case "!=" -> Relation.NOT_EQUAL;
          case "<" -> Relation.LESS;
          case "<=" -> Relation.LESS_OR_EQUAL;
          case ">" -> Relation.GREATER;
          case ">=" -> Relation.GREATER_OR_EQUAL;
          default -> null;
        };
    if (relation != null) {
      tokens.next();
    }
    return relation;
  }

  private Expression sum() {
    Expression left = concat();
    while (tokens.atOperator("+") || tokens.atOperator("-")) {
      Operator operator = tokens.next().text().equals("+") ? Operator.ADD : Operator.SUBTRACT;
      left = new Expression.Arithmetic(operator, left, concat());
    }
    return left;
  }

  private Expression concat() {
    Expression first = product();
    if (!tokens.atOperator("~")) {
      return first;
    }
    List<Expression> items = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      items.add(product());
    }
    return new Expression.Concat(items);
  }

  private Expression product() {
    Expression left = power();
    for (Operator operator = productOperator(); operator != null; operator = productOperator()) {
      left = new Expression.Arithmetic(operator, left, power());
    }
    return left;
  }

  private @Nullable Operator productOperator() {
    for (Operator operator :
        List.of(Operator.MULTIPLY, Operator.DIVIDE, Operator.FLOOR_DIVIDE, Operator.MODULO)) {
      if (tokens.skipOperator(operator.symbol)) {
        return operator;
      }
    }
    return null;
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.skipOperator("**")) {
      left = new Expression.Arithmetic(Operator.POWER, left, unary(true));
    }
    return left;
  }

  /// A sign binds tighter than a filter: `-1|abs` is 1.
  private Expression unary(boolean withFilters) {
    tokens.enter();
    Expression value;
    if (tokens.skipOperator("-")) {
      value = new Expression.Negative(unary(false));
    } else if (tokens.skipOperator("+")) {
      value = new Expression.Positive(unary(false));
    } else {
      value = primary();
    }
    value = postfix(value);
    tokens.leave();
    return withFilters ? filtersAndTests(value) : value;
  }

  private Expression primary() {
    Token token = tokens.peek();
    return switch (token.kind()) {
      case NAME -> name(tokens.next().text());
      case STRING -> string();
      case INTEGER -> new Expression.Literal(Literals.integer(tokens.next()));
      case FLOAT ->
          new Expression.Literal(
              new Value.Real(Double.parseDouble(tokens.next().text().replace("_", ""))));
      case OPERATOR -> bracketed(token);
      case DATA, BLOCK_BEGIN, BLOCK_END, VARIABLE_BEGIN, VARIABLE_END, END ->
          throw tokens.unexpected("an expression");
    };
  }

  private static Expression name(String name) {
    return switch (name) {
      case "true", "True" -> new Expression.Literal(Value.Bool.TRUE);
      case "false", "False" -> new Expression.Literal(Value.Bool.FALSE);
      case "none", "None" -> new Expression.Literal(Value.None.NONE);
      default -> new Expression.Name(name);
    };
  }

  private Expression string() {
    StringBuilder text = new StringBuilder();
    while (tokens.peek().kind() == Kind.STRING) { // neighbours join, as in Python
      text.append(tokens.next().text());
    }
    return new Expression.Literal(Value.of(text.toString()));
  }

  private Expression bracketed(Token token) {
    return switch (token.text()) {
      case "(" -> {
        tokens.next();
        Expression inner =
            tokens.atOperator(")") ? new Expression.TupleLiteral(List.of()) : tuple(true);
        tokens.expectOperator(")");
        yield inner;
      }
      case "[" -> new Expression.ListLiteral(items("[", "]"));
      case "{" -> dict();
      default -> throw tokens.unexpected("an expression");
    };
  }

  private List<Expression> items(String open, String close) {
    tokens.expectOperator(open);
    List<Expression> items = new ArrayList<>();
    while (!tokens.skipOperator(close)) {
      if (!items.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(close)) {
          break;
        }
      }
      items.add(expression());
    }
    return items;
  }

  private Expression dict() {
    tokens.expectOperator("{");
    List<Expression.Entry> entries = new ArrayList<>();
    while (!tokens.skipOperator("}")) {
      if (!entries.isEmpty()) {
        tokens.expectOperator(",");
        if (tokens.skipOperator("}")) {
          break;
        }
      }
      Expression key = expression();
      tokens.expectOperator(":");
      entries.add(new Expression.Entry(key, expression()));
    }
    return new Expression.DictLiteral(entries);
  }

  private Expression postfix(Expression target) {
    Expression value = target;
    while (true) {
      if (tokens.skipOperator(".")) {
        value = dotted(value);
      } else if (tokens.skipOperator("[")) {
        value = subscript(value);
      } else if (tokens.atOperator("(")) {
        value = new Expression.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expression dotted(Expression target) {
    if (tokens.peek().kind() == Kind.INTEGER) {
      return new Expression.Item(target, new Expression.Literal(Literals.integer(tokens.next())));
    }
    return new Expression.Attribute(target, tokens.expectAnyName());
  }

  private Expression subscript(Expression target) {
    Expression start = tokens.atOperator(":") ? null : tuple(true);
    if (start != null && tokens.skipOperator("]")) {
      return new Expression.Item(target, start);
    }
    tokens.expectOperator(":");
    Expression stop = tokens.atOperator(":") || tokens.atOperator("]") ? null : expression();
    Expression step = tokens.skipOperator(":") && !tokens.atOperator("]") ? expression() : null;
    tokens.expectOperator("]");
    return new Expression.Slice(target, start, stop, step);
  }

  private Expression filtersAndTests(Expression target) {
    Expression value = target;
    while (true) {
      if (tokens.skipOperator("|")) {
        value = new Expression.Filter(value, dottedName(), optionalArguments());
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.atOperator("(")) {
        value = new Expression.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  String dottedName() {
    StringBuilder name = new StringBuilder(tokens.expectAnyName());
    while (tokens.skipOperator(".")) {
      name.append('.').append(tokens.expectAnyName());
    }
    return name.toString();
  }

  CallArguments optionalArguments() {
    return tokens.atOperator("(") ? arguments() : CallArguments.NONE;
  }

  private Expression test(Expression target) {
    boolean negated = tokens.skipName("not");
    String name = dottedName();
    CallArguments arguments = CallArguments.NONE;
    if (tokens.atOperator("(")) {
      arguments = arguments();
    } else if (atTestArgument()) {
      arguments = new CallArguments(List.of(postfix(primary())), List.of(), null, null);
    }
    Expression test = new Expression.Test(target, name, arguments);
    return negated ? new Expression.Not(test) : test;
  }

  /// A test takes one argument without brackets: `x is divisibleby 3`.
  private boolean atTestArgument() {
    Token token = tokens.peek();
    if (token.isName("is")) {
      throw tokens.unexpected("one test, they cannot be chained");
    }
    return switch (token.kind()) {
      case NAME -> !NO_TEST_ARGUMENT.contains(token.text());
      case STRING, INTEGER, FLOAT -> true;
      case OPERATOR -> token.text().equals("[") || token.text().equals("{");
      case DATA, BLOCK_BEGIN, BLOCK_END, VARIABLE_BEGIN, VARIABLE_END, END -> false;
    };
  }

  CallArguments arguments() {
    tokens.expectOperator("(");
    List<Expression> positional = new ArrayList<>();
    List<NamedArgument> named = new ArrayList<>();
    Expression spread = null;
    Expression namedSpread = null;
    boolean first = true;
    while (!tokens.skipOperator(")")) {
      if (!first) {
        tokens.expectOperator(",");
        if (tokens.skipOperator(")")) {
          break;
        }
      }
      first = false;
      if (tokens.skipOperator("*")) {
        spread = expression();
      } else if (tokens.skipOperator("**")) {
        namedSpread = expression();
      } else if (tokens.peek().kind() == Kind.NAME && tokens.peekSecond().isOperator("=")) {
        String name = tokens.next().text();
        tokens.next();
        named.add(new NamedArgument(name, expression()));
      } else if (named.isEmpty() && spread == null && namedSpread == null) {
        positional.add(expression());
      } else {
        throw tokens.unexpected("no positional argument after a named one");
      }
    }
    return new CallArguments(positional, named, spread, namedSpread);
  }
}
