package dev.fettle.text.jinja;

import dev.fettle.text.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a template into the text between tags and the tokens inside them.
///
/// White space as Jinja 2.11 and later with `trim_blocks` and `lstrip_blocks`: one line feed after
/// `%}` and `#}` goes, and so does the space between the start of a line and `{%` or `{#`. A minus
/// at the inner edge of a tag removes all white space on that side, a plus keeps it. The last line
/// feed of the template goes too.
final class Lexer {
  private static final Pattern RAW_BEGIN =
      Pattern.compile("\\{%[-+]?\\s*raw\\s*(?:-%\\}\\s*|%\\})");
  private static final Pattern RAW_END =
      Pattern.compile("\\{%([-+]?)\\s*endraw\\s*(?:\\+%\\}|-%\\}\\s*|%\\}\\n?)");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;

  /// Whether the text before `position` ends a line, which a tag may have swallowed.
  private boolean lineStart = true;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    return new Lexer(source).run();
  }

  private List<Token> run() {
    while (position < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        addData(source.substring(position));
        break;
      }
      addData(beforeTag(source.substring(position, tag), tag));
      moveTo(tag);
      switch (source.charAt(tag + 1)) {
        case '#' -> comment();
        case '%' -> block();
        default -> expression(Kind.VARIABLE_BEGIN, Kind.VARIABLE_END, "}}");
      }
    }
    tokens.add(new Token(Kind.END, "", line));
    return tokens;
  }

  private int nextTag() {
    for (int i = source.indexOf('{', position); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "{%#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return -1;
  }

  /// What is left of the text in front of the tag at `tag`.
  private String beforeTag(String text, int tag) {
    char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
    boolean variable = source.charAt(tag + 1) == '{';
    return stripBefore(text, sign, variable);
  }

  private String stripBefore(String text, char sign, boolean variable) {
    if (sign == '-') {
      return PythonText.stripEnd(text, null);
    }
    int indent = text.lastIndexOf('\n') + 1;
    boolean onItsOwn =
        (indent > 0 || lineStart) && PythonText.stripStart(text.substring(indent), null).isEmpty();
    return sign != '+' && !variable && onItsOwn ? text.substring(0, indent) : text;
  }

  private void comment() {
    int end = source.indexOf("#}", position + 2);
    if (end < 0) {
      throw TemplateException.syntax("Missing end of comment tag", line);
    }
    finishTag(end);
  }

  private void block() {
    Matcher raw = RAW_BEGIN.matcher(source).region(position, source.length());
    if (!raw.lookingAt()) {
      expression(Kind.BLOCK_BEGIN, Kind.BLOCK_END, "%}");
      return;
    }
    Matcher end = RAW_END.matcher(source);
    if (!end.find(raw.end())) {
      throw TemplateException.syntax("Missing end of raw directive", line);
    }
    moveTo(raw.end());
    lineStart = raw.group().endsWith("\n");
    String sign = end.group(1);
    addData(
        stripBefore(
            source.substring(position, end.start()), sign.isEmpty() ? ' ' : sign.charAt(0), false));
    moveTo(end.end());
    lineStart = end.group().endsWith("\n");
  }

  private void expression(Kind begin, Kind end, String close) {
    tokens.add(new Token(begin, source.substring(position, position + 2), line));
    boolean signed =
        position + 2 < source.length() && "-+".indexOf(source.charAt(position + 2)) >= 0;
    moveTo(position + (signed ? 3 : 2));
    ExpressionLexer inner = new ExpressionLexer(source, position, line, close);
    tokens.addAll(inner.tokens());
    moveTo(inner.position());
    tokens.add(new Token(end, close, line));
    finishTag(position);
  }

  /// Steps over the closing delimiter at `end` and the white space that goes with it.
  private void finishTag(int end) {
    int next = end + 2;
    char sign = source.charAt(end - 1);
    if (sign == '-') {
      while (next < source.length() && PythonText.isSpace(source.charAt(next))) {
        next++;
      }
    } else if (sign != '+'
        && source.charAt(end) != '}'
        && next < source.length()
        && source.charAt(next) == '\n') {
      next++;
    }
    lineStart = source.charAt(next - 1) == '\n';
    moveTo(next);
  }

  private void addData(String text) {
    if (!text.isEmpty()) {
      tokens.add(new Token(Kind.DATA, text, line));
    }
  }

  private void moveTo(int next) {
    for (int i = position; i < next; i++) {
      line += source.charAt(i) == '\n' ? 1 : 0;
    }
    position = next;
  }
}
