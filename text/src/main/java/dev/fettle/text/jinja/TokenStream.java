package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Token.Kind;
import java.util.List;
import java.util.Locale;

/// Tokens in order, with a look ahead; shared by the two parsers.
///
/// Counts nesting, since parsing and evaluating recurse and must not exhaust the stack.
final class TokenStream {
  private static final int MAX_DEPTH = 200;

  private final List<Token> tokens;
  private int index;
  private int depth;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(index);
  }

  Token peekSecond() {
    return tokens.get(Math.min(index + 1, tokens.size() - 1));
  }

  Token next() {
    Token token = tokens.get(index);
    index += token.kind() == Kind.END ? 0 : 1;
    return token;
  }

  /// How many tokens have been read.
  int position() {
    return index;
  }

  /// Whether this name stands among the tokens read since `start`.
  boolean mentions(String name, int start) {
    for (int i = start; i < index; i++) {
      if (tokens.get(i).isName(name)) {
        return true;
      }
    }
    return false;
  }

  boolean atOperator(String operator) {
    return peek().isOperator(operator);
  }

  boolean atName(String name) {
    return peek().isName(name);
  }

  boolean skipOperator(String operator) {
    return skip(atOperator(operator));
  }

  boolean skipName(String name) {
    return skip(atName(name));
  }

  private boolean skip(boolean matches) {
    index += matches ? 1 : 0;
    return matches;
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  void expectName(String name) {
    if (!skipName(name)) {
      throw unexpected("'" + name + "'");
    }
  }

  String expectAnyName() {
    return expect(Kind.NAME).text();
  }

  Token expect(Kind kind) {
    if (peek().kind() != kind) {
      throw unexpected(kind.name().toLowerCase(Locale.ROOT).replace('_', ' '));
    }
    return next();
  }

  TemplateException unexpected(String expected) {
    Token token = peek();
    return TemplateException.syntax(
        "expected " + expected + ", found " + token.describe(), token.line());
  }

  void enter() {
    if (++depth > MAX_DEPTH) {
      throw TemplateException.syntax("nested more than " + MAX_DEPTH + " deep", peek().line());
    }
  }

  void leave() {
    depth--;
  }
}
