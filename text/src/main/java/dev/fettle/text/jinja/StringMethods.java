package dev.fettle.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Python's `str` methods.
record StringMethods(Value.Str self, Budget budget) {

  /// The method of this name bound to `self`, or null.
  static @Nullable Value find(Value.Str self, String name, Budget budget) {
    Value.Function.Body body = new StringMethods(self, budget).body(name);
    budget.spend(Extent.of(self).weight());
    return body == null ? null : new Value.Function(name, body);
  }

  private Value.Function.@Nullable Body body(String name) {
    String text = self.value();
    return switch (name) {
      case "strip" ->
          a -> like(PythonText.stripStart(PythonText.stripEnd(text, chars(a)), chars(a)));
      case "lstrip" -> a -> like(PythonText.stripStart(text, chars(a)));
      case "rstrip" -> a -> like(PythonText.stripEnd(text, chars(a)));
      case "upper" -> _ -> like(text.toUpperCase(Locale.ROOT));
      case "lower" -> _ -> like(text.toLowerCase(Locale.ROOT));
      case "capitalize" -> _ -> like(capitalize(text));
      case "title" -> _ -> like(title(text));
      case "startswith" -> a -> Value.of(anyAffix(a, text::startsWith));
      case "endswith" -> a -> Value.of(anyAffix(a, text::endsWith));
      case "split" -> this::split;
      case "rsplit" -> this::rsplit;
      case "splitlines" -> _ -> Value.list(strings(lines(text)));
      case "partition" -> this::partition;
      case "replace" ->
          a ->
              like(
                  replace(
                      text, a.text(0, "old"), a.text(1, "new"), a.integer(2, "count", -1), budget));
      case "removeprefix" ->
          a ->
              like(
                  text.startsWith(a.text(0, "prefix"))
                      ? text.substring(a.text(0, "prefix").length())
                      : text);
      case "removesuffix" ->
          a ->
              like(
                  text.endsWith(a.text(0, "suffix"))
                      ? text.substring(0, text.length() - a.text(0, "suffix").length())
                      : text);
      case "find" -> a -> Value.of(codePoints(text.indexOf(a.text(0, "sub"))));
      case "rfind" -> a -> Value.of(codePoints(text.lastIndexOf(a.text(0, "sub"))));
      case "index" -> this::index;
      case "count" -> a -> Value.of(count(text, a.text(0, "sub")));
      case "join" -> a -> like(join(text, Operators.iterate(a.required(0, "iterable")), budget));
      case "isdigit", "isnumeric", "isdecimal" -> _ -> Value.of(all(text, Character::isDigit));
      case "isalpha" -> _ -> Value.of(all(text, Character::isLetter));
      case "isalnum" -> _ -> Value.of(all(text, Character::isLetterOrDigit));
      case "isspace" -> _ -> Value.of(all(text, PythonText::isSpace));
      case "isupper" -> _ -> Value.of(isUpper(text));
      case "islower" -> _ -> Value.of(isLower(text));
      default -> null;
    };
  }

  private Value like(String text) {
    return new Value.Str(text, self.markup());
  }

  private static @Nullable String chars(Arguments arguments) {
    Value chars = arguments.get(0, "chars");
    return chars == null || chars instanceof Value.None ? null : PythonText.str(chars);
  }

  private static boolean anyAffix(Arguments arguments, Predicate<String> matches) {
    Value affix = arguments.required(0, "prefix");
    if (affix instanceof Value.Seq options) {
      return options.items().stream().map(PythonText::str).anyMatch(matches);
    }
    if (affix instanceof Value.Str text) {
      return matches.test(text.value());
    }
    Operators.failIfUndefined(affix);
    throw TemplateException.type(
        "startswith and endswith take a str or a tuple of str, not " + PythonText.typeName(affix));
  }

  private Value split(Arguments arguments) {
    Value separator = arguments.get(0, "sep", Value.None.NONE);
    long limit = arguments.integer(1, "maxsplit", -1);
    if (separator instanceof Value.None) {
      return Value.list(strings(words(self.value(), limit)));
    }
    String text = self.value();
    String between = nonEmpty(separator);
    List<String> parts = new ArrayList<>();
    int start = 0;
    for (int at = text.indexOf(between);
        at >= 0 && (limit < 0 || parts.size() < limit);
        at = text.indexOf(between, start)) {
      parts.add(text.substring(start, at));
      start = at + between.length();
    }
    parts.add(text.substring(start));
    return Value.list(strings(parts));
  }

  private Value rsplit(Arguments arguments) {
    Value separator = arguments.get(0, "sep", Value.None.NONE);
    long limit = arguments.integer(1, "maxsplit", -1);
    if (separator instanceof Value.None || limit < 0) {
      return split(arguments);
    }
    String text = self.value();
    String between = nonEmpty(separator);
    List<String> parts = new ArrayList<>();
    int end = text.length();
    for (int at = text.lastIndexOf(between);
        at >= 0 && parts.size() < limit;
        at = text.lastIndexOf(between, end - between.length())) {
      parts.addFirst(text.substring(at + between.length(), end));
      end = at;
    }
    parts.addFirst(text.substring(0, end));
    return Value.list(strings(parts));
  }

  private Value partition(Arguments arguments) {
    String text = self.value();
    String between = nonEmpty(arguments.required(0, "sep"));
    int at = text.indexOf(between);
    return at < 0
        ? Value.tuple(like(text), like(""), like(""))
        : Value.tuple(
            like(text.substring(0, at)),
            like(between),
            like(text.substring(at + between.length())));
  }

  private Value index(Arguments arguments) {
    int at = self.value().indexOf(arguments.text(0, "sub"));
    if (at < 0) {
      throw TemplateException.value("substring not found");
    }
    return Value.of(codePoints(at));
  }

  private int codePoints(int index) {
    return index < 0 ? index : self.value().codePointCount(0, index);
  }

  private static String nonEmpty(Value separator) {
    Operators.failIfUndefined(separator);
    if (!(separator instanceof Value.Str text)) {
      throw TemplateException.type("must be str or None, not " + PythonText.typeName(separator));
    }
    if (text.value().isEmpty()) {
      throw TemplateException.value("empty separator");
    }
    return text.value();
  }

  private List<Value> strings(List<String> texts) {
    budget.spend(texts.size());
    return texts.stream().map(this::like).toList();
  }

  private static List<String> words(String text, long limit) {
    List<String> words = new ArrayList<>();
    String rest = PythonText.stripStart(text, null);
    while (!rest.isEmpty()) {
      if (limit >= 0 && words.size() == limit) {
        words.add(rest);
        break;
      }
      int end = 0;
      while (end < rest.length() && !PythonText.isSpace(rest.charAt(end))) {
        end++;
      }
      words.add(rest.substring(0, end));
      rest = PythonText.stripStart(rest.substring(end), null);
    }
    return words;
  }

  /// As `str.splitlines()`.
  static List<String> lines(String text) {
    String[] lines = text.split("\r\n|[\n\r\u000B\f\u001C-\u001E\u0085\u2028\u2029]", -1);
    List<String> result = new ArrayList<>(List.of(lines));
    if (result.getLast().isEmpty()) {
      result.removeLast();
    }
    return result;
  }

  /// @param limit at most so many; all if negative
  static String replace(String text, String old, String with, long limit, Budget budget) {
    long found = limit < 0 ? count(text, old) : Math.min(limit, count(text, old));
    budget.allowText(Math.max(text.length() + found * with.length(), 1), 1);
    StringBuilder out = new StringBuilder();
    int start = 0;
    for (long i = 0; i < found; i++) {
      int at =
          old.isEmpty()
              ? (i == 0 ? 0 : text.offsetByCodePoints(start, 1))
              : text.indexOf(old, start);
      out.append(text, start, at).append(with);
      start = at + old.length();
    }
    return out.append(text, start, text.length()).toString();
  }

  private static long count(String text, String part) {
    if (part.isEmpty()) {
      return text.codePointCount(0, text.length()) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }

  private static String join(String separator, List<Value> items, Budget budget) {
    List<String> texts = new ArrayList<>();
    for (Value item : items) {
      if (!(item instanceof Value.Str text)) {
        throw TemplateException.type(
            "sequence item %d: expected str instance, %s found"
                .formatted(texts.size(), PythonText.typeName(item)));
      }
      texts.add(text.value());
    }
    return joined(separator, texts, budget);
  }

  static String joined(String separator, List<String> texts, Budget budget) {
    long length = 1;
    for (String text : texts) {
      length += text.length() + separator.length();
    }
    budget.allowText(length, 1);
    return String.join(separator, texts);
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.offsetByCodePoints(0, 1);
    return Character.toString(Character.toTitleCase(text.codePointAt(0)))
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  private static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean inWord = false;
    for (int c : text.codePoints().toArray()) {
      out.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inWord = Character.isLetter(c);
    }
    return out.toString();
  }

  private static boolean all(String text, IntPredicate predicate) {
    return !text.isEmpty() && text.codePoints().allMatch(predicate);
  }

  static boolean isUpper(String text) {
    return text.codePoints().anyMatch(Character::isUpperCase)
        && text.codePoints().noneMatch(Character::isLowerCase);
  }

  static boolean isLower(String text) {
    return text.codePoints().anyMatch(Character::isLowerCase)
        && text.codePoints().noneMatch(Character::isUpperCase);
  }
}
