package dev.fettle.text.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Python's `str` methods.
record StringMethods(Value.Str self, Budget budget) {
  private static final String CJK_NUMBERS =
      "\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07";

  private static final Pattern LINE_END =
      Pattern.compile("\r\n|[\n\r\u000B\f\u001C-\u001E\u0085\u2028\u2029]");

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
      case "startswith" ->
          a -> {
            TextPart part = TextPart.of(text, a, budget);
            return Value.of(anyAffix(a, part::startsWith));
          };
      case "endswith" ->
          a -> {
            TextPart part = TextPart.of(text, a, budget);
            return Value.of(anyAffix(a, part::endsWith));
          };
      case "split" -> this::split;
      case "rsplit" -> this::rsplit;
      case "splitlines" -> a -> Value.list(strings(lines(text, a.flag(0, "keepends", false))));
      case "partition" -> a -> partition(a, false);
      case "rpartition" -> a -> partition(a, true);
      case "replace" ->
          a ->
              like(
                  replace(
                      text,
                      a.string(0, "old"),
                      a.string(1, "new"),
                      a.integer(2, "count", -1),
                      budget));
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
      case "find" -> a -> Value.of(TextPart.of(text, a, budget).find(a.string(0, "sub")));
      case "rfind" -> a -> Value.of(TextPart.of(text, a, budget).findLast(a.string(0, "sub")));
      case "index" -> a -> found(TextPart.of(text, a, budget).find(a.string(0, "sub")));
      case "rindex" -> a -> found(TextPart.of(text, a, budget).findLast(a.string(0, "sub")));
      case "count" -> a -> Value.of(count(TextPart.of(text, a, budget).text(), a.string(0, "sub")));
      case "join" -> a -> like(join(text, Operators.iterate(a.required(0, "iterable")), budget));
      case "isdecimal" -> _ -> Value.of(all(text, Character::isDigit));
      case "isdigit" -> _ -> Value.of(all(text, StringMethods::isDigit));
      case "isnumeric" -> _ -> Value.of(all(text, StringMethods::isNumeric));
      case "isalpha" -> _ -> Value.of(all(text, Character::isLetter));
      case "isalnum" -> _ -> Value.of(all(text, c -> Character.isLetter(c) || isNumeric(c)));
      case "isspace" -> _ -> Value.of(all(text, PythonText::isSpace));
      case "isupper" -> _ -> Value.of(isUpper(text));
      case "islower" -> _ -> Value.of(isLower(text));
      default -> new StringShapes(self, budget).body(name);
    };
  }

  /// Superscripts are digits to Python.
  private static boolean isDigit(int c) {
    return Character.isDigit(c)
        || Character.getType(c) == Character.OTHER_NUMBER
            && Character.getNumericValue(c) >= 0
            && Character.getNumericValue(c) < 10;
  }

  private static boolean isNumeric(int c) {
    return switch (Character.getType(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> CJK_NUMBERS.indexOf(c) >= 0;
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
    budget.allowSearch(text, between);
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
    if (limit < 0) {
      return split(arguments);
    }
    if (separator instanceof Value.None) {
      return Value.list(strings(lastWords(self.value(), limit)));
    }
    String text = self.value();
    String between = nonEmpty(separator);
    budget.allowSearch(text, between);
    List<String> parts = new ArrayList<>();
    int end = text.length();
    for (int at = text.lastIndexOf(between);
        at >= 0 && parts.size() < limit;
        at = text.lastIndexOf(between, end - between.length())) {
      parts.add(text.substring(at + between.length(), end));
      end = at;
    }
    parts.add(text.substring(0, end));
    return Value.list(strings(parts.reversed()));
  }

  private Value partition(Arguments arguments, boolean last) {
    String text = self.value();
    String between = nonEmpty(arguments.required(0, "sep"));
    budget.allowSearch(text, between);
    int at = last ? text.lastIndexOf(between) : text.indexOf(between);
    if (at < 0) {
      Value whole = like(text);
      Value none = like("");
      return last ? Value.tuple(none, none, whole) : Value.tuple(whole, none, none);
    }
    return Value.tuple(
        like(text.substring(0, at)), like(between), like(text.substring(at + between.length())));
  }

  private static Value found(long at) {
    if (at < 0) {
      throw TemplateException.value("substring not found");
    }
    return Value.of(at);
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

  static List<String> words(String text, long limit) {
    List<String> words = new ArrayList<>();
    int start = skipSpace(text, 0);
    while (start < text.length()) {
      if (limit >= 0 && words.size() == limit) {
        words.add(text.substring(start));
        break;
      }
      int end = start;
      while (end < text.length() && !PythonText.isSpace(text.charAt(end))) {
        end++;
      }
      words.add(text.substring(start, end));
      start = skipSpace(text, end);
    }
    return words;
  }

  private static int skipSpace(String text, int from) {
    int at = from;
    while (at < text.length() && PythonText.isSpace(text.charAt(at))) {
      at++;
    }
    return at;
  }

  /// The last `limit` words, and what is before them.
  private static List<String> lastWords(String text, long limit) {
    List<String> words = new ArrayList<>();
    int end = skipSpaceBack(text, text.length());
    while (end > 0) {
      if (words.size() == limit) {
        words.add(text.substring(0, end));
        break;
      }
      int start = end;
      while (start > 0 && !PythonText.isSpace(text.charAt(start - 1))) {
        start--;
      }
      words.add(text.substring(start, end));
      end = skipSpaceBack(text, start);
    }
    return words.reversed();
  }

  private static int skipSpaceBack(String text, int from) {
    int at = from;
    while (at > 0 && PythonText.isSpace(text.charAt(at - 1))) {
      at--;
    }
    return at;
  }

  /// As `str.splitlines()`.
  ///
  /// @param keepEnds whether each line keeps what ends it
  static List<String> lines(String text, boolean keepEnds) {
    List<String> lines = new ArrayList<>();
    Matcher ends = LINE_END.matcher(text);
    int start = 0;
    while (ends.find()) {
      lines.add(text.substring(start, keepEnds ? ends.end() : ends.start()));
      start = ends.end();
    }
    if (start < text.length()) {
      lines.add(text.substring(start));
    }
    return lines;
  }

  /// @param limit at most so many; all if negative
  static String replace(String text, String old, String with, long limit, Budget budget) {
    budget.allowSearch(text, old);
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
