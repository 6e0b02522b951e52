package dev.fettle.text.jinja;

/// A piece of a template.
///
/// @param text the characters; of a string literal its value, without quotes and escapes
/// @param line the line it begins on, from 1
record Token(Kind kind, String text, int line) {
  enum Kind {
    DATA,
    BLOCK_BEGIN,
    BLOCK_END,
    VARIABLE_BEGIN,
    VARIABLE_END,
    NAME,
    STRING,
    INTEGER,
    FLOAT,
    OPERATOR,
    END
  }

  boolean isName(String name) {
    return kind == Kind.NAME && text.equals(name);
  }

  boolean isOperator(String operator) {
    return kind == Kind.OPERATOR && text.equals(operator);
  }

  /// For error messages.
  String describe() {
    return kind == Kind.END ? "end of template" : "'" + text + "'";
  }
}
