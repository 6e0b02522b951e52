package dev.fettle.text.jinja;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Those of Python's `str` methods that pad, fold and judge whole strings.
record StringShapes(Value.Str self, Budget budget) {

  /// What the method of this name does, or null.
  Value.Function.@Nullable Body body(String name) {
    String text = self.value();
    return switch (name) {
      case "center" -> a -> padded(a, Side.BOTH);
      case "ljust" -> a -> padded(a, Side.RIGHT);
      case "rjust" -> a -> padded(a, Side.LEFT);
      case "zfill" -> a -> zeros(a.index(0, "width"));
      case "swapcase" -> _ -> like(swapped(text));
      case "casefold" -> _ -> like(text.toUpperCase(Locale.ROOT).toLowerCase(Locale.ROOT));
      case "expandtabs" -> a -> like(expanded(text, a.integer(0, "tabsize", 8)));
      case "format" -> a -> like(StringFormat.format(text, a, budget));
      case "isascii" -> _ -> Value.of(text.chars().allMatch(c -> c < 128));
      case "isidentifier" -> _ -> Value.of(isIdentifier(text));
      case "isprintable" -> _ -> Value.of(text.codePoints().allMatch(PythonText::printable));
      case "istitle" -> _ -> Value.of(isTitle(text));
      default -> null;
    };
  }

  private Value like(String text) {
    return new Value.Str(text, self.markup());
  }

  private enum Side {
    LEFT,
    RIGHT,
    BOTH
  }

  private Value padded(Arguments arguments, Side side) {
    Value fill = arguments.get(1, "fillchar", Value.of(" "));
    if (!(fill instanceof Value.Str text)
        || text.value().codePointCount(0, text.value().length()) != 1) {
      throw TemplateException.type("The fill character must be exactly one character long");
    }
    long width = arguments.index(0, "width");
    long missing = Math.max(0, width - length());
    budget.allowText(text.value().length(), missing);
    // Python's center puts the odd one to the left if the width is odd
    long left =
        switch (side) {
          case LEFT -> missing;
          case RIGHT -> 0;
          case BOTH -> missing / 2 + (missing & width & 1);
        };
    return like(
        text.value().repeat((int) left)
            + self.value()
            + text.value().repeat((int) (missing - left)));
  }

  private int length() {
    return self.value().codePointCount(0, self.value().length());
  }

  private Value zeros(long width) {
    long missing = Math.max(0, width - length());
    budget.allowText(1, missing);
    String text = self.value();
    int sign = text.startsWith("-") || text.startsWith("+") ? 1 : 0;
    return like(text.substring(0, sign) + "0".repeat((int) missing) + text.substring(sign));
  }

  private static String swapped(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(c -> {
          String one = Character.toString(c);
          out.append(
              Character.isUpperCase(c)
                  ? one.toLowerCase(Locale.ROOT)
                  : Character.isLowerCase(c) ? one.toUpperCase(Locale.ROOT) : one);
        });
    return out.toString();
  }

  private String expanded(String text, long size) {
    StringBuilder out = new StringBuilder();
    long column = 0;
    for (int c : text.codePoints().toArray()) {
      if (c == '\t') {
        long spaces = size <= 0 ? 0 : size - column % size;
        budget.allowText(1, out.length() + spaces);
        out.repeat(' ', (int) spaces);
        column += spaces;
      } else {
        out.appendCodePoint(c);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
      }
    }
    return out.toString();
  }

  private static boolean isIdentifier(String text) {
    return !text.isEmpty()
        && (text.charAt(0) == '_' || Character.isUnicodeIdentifierStart(text.codePointAt(0)))
        && text.codePoints().allMatch(Character::isUnicodeIdentifierPart);
  }

  private static boolean isTitle(String text) {
    boolean inWord = false;
    boolean any = false;
    for (int c : text.codePoints().toArray()) {
      boolean upper = Character.isUpperCase(c) || Character.isTitleCase(c);
      boolean lower = Character.isLowerCase(c);
      if (upper && inWord || lower && !inWord) {
        return false;
      }
      inWord = upper || lower;
      any |= inWord;
    }
    return any;
  }
}
