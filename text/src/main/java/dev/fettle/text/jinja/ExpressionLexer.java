package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The tokens inside one tag, up to its closing delimiter outside of all brackets.
final class ExpressionLexer {
  private static final Pattern FLOAT =
      Pattern.compile("[0-9][0-9_]*(?:(?:\\.[0-9][0-9_]*)?[eE][+-]?[0-9][0-9_]*|\\.[0-9][0-9_]*)");
  private static final Pattern INTEGER =
      Pattern.compile("0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|[0-9][0-9_]*");
  private static final Pattern NAME =
      Pattern.compile("[\\p{L}\\p{Nl}_][\\p{L}\\p{Nl}\\p{Mn}\\p{Mc}\\p{Nd}\\p{Pc}]*");
  private static final Pattern OPERATOR =
      Pattern.compile("//|\\*\\*|==|!=|<=|>=|[-+/*%~\\[\\](){}<>=.:|,;]");

  private final String source;
  private final String close;
  private final List<Token> tokens = new ArrayList<>();
  private final Deque<String> brackets = new ArrayDeque<>();
  private int position;
  private int line;

  /// @param close `}}` or `%}`
  ExpressionLexer(String source, int position, int line, String close) {
    this.source = source;
    this.position = position;
    this.line = line;
    this.close = close;
  }

  /// Where the closing delimiter stands, after its sign.
  int position() {
    return position;
  }

  List<Token> tokens() {
    while (position < source.length()) {
      char c = source.charAt(position);
      if (PythonText.isSpace(c)) {
        line += c == '\n' ? 1 : 0;
        position++;
      } else if (brackets.isEmpty() && atClose()) {
        return tokens;
      } else {
        token(c);
      }
    }
    throw TemplateException.syntax("unexpected end of template, expected '" + close + "'", line);
  }

  private boolean atClose() {
    char c = source.charAt(position);
    boolean sign = c == '-' || (c == '+' && close.equals("%}"));
    if (sign && source.startsWith(close, position + 1)) {
      position++;
      return true;
    }
    return source.startsWith(close, position);
  }

  private void token(char first) {
    if (first == '"' || first == '\'') {
      string(first);
      return;
    }
    boolean afterDot = position > 0 && source.charAt(position - 1) == '.'; // x.0.1 has no float
    String text = afterDot ? null : match(FLOAT);
    if (text != null) {
      add(Kind.FLOAT, text);
      return;
    }
    text = match(INTEGER);
    if (text != null) {
      add(Kind.INTEGER, text);
      return;
    }
    text = match(NAME);
    if (text != null) {
      add(Kind.NAME, text);
      return;
    }
    text = match(OPERATOR);
    if (text == null) {
      throw TemplateException.syntax("unexpected char '" + first + "'", line);
    }
    balance(text);
    add(Kind.OPERATOR, text);
  }

  private void balance(String operator) {
    switch (operator) {
      case "(" -> brackets.push(")");
      case "[" -> brackets.push("]");
      case "{" -> brackets.push("}");
      case ")", "]", "}" -> {
        if (brackets.isEmpty() || !brackets.pop().equals(operator)) {
          throw TemplateException.syntax("unexpected '" + operator + "'", line);
        }
      }
      default -> {} // all other operators stand for themselves
    }
  }

  private @Nullable String match(Pattern pattern) {
    Matcher matcher = pattern.matcher(source).region(position, source.length());
    return matcher.lookingAt() ? matcher.group() : null;
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line));
    position += text.length();
  }

  private void string(char quote) {
    StringBuilder value = new StringBuilder();
    int start = line;
    int i = position + 1;
    while (i < source.length() && source.charAt(i) != quote) {
      char c = source.charAt(i);
      line += c == '\n' ? 1 : 0;
      i = c == '\\' ? escape(i + 1, value) : i + 1;
      if (c != '\\') {
        value.append(c);
      }
    }
    if (i >= source.length()) {
      throw TemplateException.syntax("unexpected char " + quote + ", the string has no end", start);
    }
    tokens.add(new Token(Kind.STRING, value.toString(), start));
    position = i + 1;
  }

  /// Appends what the escape whose letter stands at `i` means in Python; returns the place after
  /// it.
  private int escape(int i, StringBuilder value) {
    if (i >= source.length()) {
      return i;
    }
    char c = source.charAt(i);
    switch (c) {
      case 'n' -> value.append('\n');
      case 't' -> value.append('\t');
      case 'r' -> value.append('\r');
      case 'b' -> value.append('\b');
      case 'f' -> value.append('\f');
      case 'v' -> value.append('\u000B');
      case 'a' -> value.append('\u0007');
      case '\n' -> line++;
      case '\\', '\'', '"' -> value.append(c);
      case 'x' -> {
        return codePoint(i + 1, 2, value);
      }
      case 'u' -> {
        return codePoint(i + 1, 4, value);
      }
      case 'U' -> {
        return codePoint(i + 1, 8, value);
      }
      default -> {
        return octalOrLiteral(i, value);
      }
    }
    return i + 1;
  }

  private int codePoint(int start, int digits, StringBuilder value) {
    int end = start + digits;
    try {
      value.appendCodePoint(Integer.parseInt(source.substring(start, end), 16));
    } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
      throw TemplateException.syntax("malformed escape in a string", line);
    }
    return end;
  }

  private int octalOrLiteral(int start, StringBuilder value) {
    int end = start;
    while (end < Math.min(start + 3, source.length())
        && "01234567".indexOf(source.charAt(end)) >= 0) {
      end++;
    }
    if (end == start) {
      value.append('\\').append(source.charAt(start)); // Python keeps an escape it does not know
      return start + 1;
    }
    value.append((char) Integer.parseInt(source.substring(start, end), 8));
    return end;
  }
}
