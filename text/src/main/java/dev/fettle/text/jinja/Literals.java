package dev.fettle.text.jinja;

/// Numbers as Python's source code writes them.
final class Literals {
  private Literals() {}

  /// `12`, `1_000`, `0x1F`, `0o17` or `0b101`.
  static Value integer(Token token) {
    try {
      String digits = token.text().replace("_", "");
      int radix =
          switch (digits.length() < 3 ? ' ' : Character.toLowerCase(digits.charAt(1))) {
            case 'b' -> 2;
            case 'o' -> 8;
            case 'x' -> 16;
            default -> 10;
          };
      return Value.of(Long.parseLong(radix == 10 ? digits : digits.substring(2), radix));
    } catch (NumberFormatException e) {
      throw TemplateException.syntax("integer " + token.text() + " is out of range", token.line());
    }
  }
}
