package dev.fettle.checkpoint;

import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.exc.StreamConstraintsException;

/// Says in plain words why a text is no JSON.
final class JsonProblem {
  private static final Pattern TOKEN = Pattern.compile("token '([^']*)'");
  private static final Pattern CHARACTER =
      Pattern.compile("Unexpected character \\('(.)' \\(code \\d+[^)]*\\)\\)(.*)", Pattern.DOTALL);
  private static final Pattern CLOSE = Pattern.compile("close marker '(.)': (?:expected '(.)')?");
  private static final Pattern LIMIT = Pattern.compile("maximum allowed \\((\\d+)");
  private static final Pattern ESCAPE = Pattern.compile("character escape '(.)'");

  /// What Python and JavaScript write, and what JSON has instead.
  private static final Map<String, String> WORDS =
      Map.of("true", "true", "false", "false", "none", "null", "null", "null", "undefined", "null");

  private JsonProblem() {}

  /// Without a full stop at its end.
  static String of(JacksonException e) {
    String message = e.getOriginalMessage() + "";
    if (e instanceof StreamConstraintsException) {
      return limit(message);
    }
    if (e instanceof JacksonIOException) {
      return "it cannot be read: " + message;
    }
    if (message.startsWith("Trailing token")) {
      return "a second value follows the first; expected one object alone, such as one per line";
    }
    if (message.contains("end-of-input")) {
      return message.contains("string value")
          ? "it ends in the middle of a string"
          : "it ends in the middle; a bracket is not closed or a value is missing";
    }
    if (message.contains("Illegal unquoted character")) {
      return "a control character, such as a line end or a tab, stands in a string; write it as \\n or \\t";
    }
    if (message.contains("UTF-8")) {
      return "it is not UTF-8";
    }
    return word(message);
  }

  private static String word(String message) {
    Matcher token = TOKEN.matcher(message);
    if (token.find() && !message.startsWith("Unexpected character")) {
      return token(token.group(1));
    }
    Matcher escape = ESCAPE.matcher(message);
    if (escape.find()) {
      return "\\%s is no escape in JSON; write a backslash as \\\\".formatted(escape.group(1));
    }
    Matcher close = CLOSE.matcher(message);
    if (close.find()) {
      return close.group(2) == null
          ? "'%s' closes nothing".formatted(close.group(1))
          : "found '%s' where '%s' was expected".formatted(close.group(1), close.group(2));
    }
    Matcher character = CHARACTER.matcher(message);
    if (character.matches()) {
      return character(character.group(1), character.group(2));
    }
    return message.contains("numeric value")
        ? "a number is not written as JSON has it; leave out leading zeros and signs"
        : "it is not JSON";
  }

  private static String token(String token) {
    String lower = token.toLowerCase(Locale.ROOT);
    if (lower.matches("[+-]?(nan|inf|infinity)")) {
      return "%s is no JSON number; write null".formatted(token);
    }
    String meant = WORDS.get(lower);
    return meant == null || meant.equals(token)
        ? "'%s' is no JSON value; texts stand in double quotes".formatted(token)
        : "'%s' is no JSON value; write %s".formatted(token, meant);
  }

  private static String character(String found, String expected) {
    if (expected.contains("comment")) {
      return "JSON has no comments; take them out";
    }
    String what = "a value";
    if (expected.contains("property name") && expected.contains("double-quote")) {
      what = "a name in double quotes";
    } else if (expected.contains("colon")) {
      what = "a colon";
    } else if (expected.contains("comma")) {
      what = "a comma or the end";
    } else if (expected.contains("hex-digit")) {
      what = "one of the four digits of \\u";
    } else if (expected.contains("numeric value")) {
      what = "a digit";
    }
    return "found '%s' where %s was expected".formatted(found, what);
  }

  private static String limit(String message) {
    Matcher limit = LIMIT.matcher(message);
    String most = limit.find() ? limit.group(1) : "are read";
    if (message.contains("nesting")) {
      return "it is too deeply nested; at most %s levels are read".formatted(most);
    }
    return message.contains("Number")
        ? "a number is too long; at most %s digits are read".formatted(most)
        : "a name or string is too long; at most %s characters are read".formatted(most);
  }
}
