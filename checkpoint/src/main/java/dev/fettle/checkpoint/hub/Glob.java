package dev.fettle.checkpoint.hub;

import java.util.List;

/// Patterns of `--include` and `--exclude`, which mean what they mean for `hf download`: Python's
/// `fnmatch` over the whole path, so `*` crosses folders; `folder/` stands for all below it.
final class Glob {
  private Glob() {}

  static boolean matchesAny(List<String> patterns, String path) {
    return patterns.stream().anyMatch(pattern -> matches(pattern, path));
  }

  static boolean matches(String pattern, String path) {
    String slashes = pattern.replace('\\', '/');
    return match(slashes.endsWith("/") ? slashes + "*" : slashes, path);
  }

  /// Goes back to the last star only, so the work is at most pattern times path.
  private static boolean match(String pattern, String text) {
    int p = 0;
    int t = 0;
    int star = -1;
    int starText = 0;
    while (t < text.length()) {
      int end = p < pattern.length() ? element(pattern, p, text.charAt(t)) : -1;
      if (p < pattern.length() && pattern.charAt(p) == '*') {
        star = p++;
        starText = t;
      } else if (end > 0) {
        p = end;
        t++;
      } else if (star >= 0) {
        p = star + 1;
        t = ++starText;
      } else {
        return false;
      }
    }
    while (p < pattern.length() && pattern.charAt(p) == '*') {
      p++;
    }
    return p == pattern.length();
  }

  /// Where the element at `p` ends if it takes this character, else -1.
  private static int element(String pattern, int p, char c) {
    char first = pattern.charAt(p);
    if (first == '?') {
      return p + 1;
    }
    int close = first == '[' ? closing(pattern, p) : -1;
    if (close < 0) {
      return first == c ? p + 1 : -1;
    }
    boolean negated = pattern.charAt(p + 1) == '!';
    boolean inside = false;
    for (int i = p + (negated ? 2 : 1); i < close; i++) {
      boolean range = i + 2 < close && pattern.charAt(i + 1) == '-';
      inside |= c >= pattern.charAt(i) && c <= pattern.charAt(range ? i + 2 : i);
      i += range ? 2 : 0;
    }
    return inside != negated ? close + 1 : -1;
  }

  /// The `]` of the set that starts at `p`, or -1; one right after the start belongs to the set.
  private static int closing(String pattern, int p) {
    int from = p + 1;
    if (from < pattern.length() && pattern.charAt(from) == '!') {
      from++;
    }
    return pattern.indexOf(']', from + 1);
  }

  /// The pattern that only this path matches.
  static String literal(String path) {
    return path.replace("[", "[[]").replace("*", "[*]").replace("?", "[?]");
  }
}
