package dev.fettle.text.jinja;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// C's `strftime` in the C locale, with glibc's `%-d` for numbers without padding.
final class Strftime {
  private Strftime() {}

  static String format(String format, LocalDateTime time) {
    StringBuilder out = new StringBuilder();
    int i = 0;
    while (i < format.length()) {
      boolean bare = format.startsWith("%-", i);
      int letter = i + (bare ? 2 : 1);
      String field =
          format.charAt(i) == '%' && letter < format.length()
              ? field(format.charAt(letter), time)
              : null;
      if (field == null) {
        out.append(format.charAt(i++));
      } else {
        out.append(bare ? field.replaceFirst("^[0 ]+(?=.)", "") : field);
        i = letter + 1;
      }
    }
    return out.toString();
  }

  private static @Nullable String field(char letter, LocalDateTime time) {
    String pattern =
        switch (letter) {
          case 'Y' -> "uuuu";
          case 'y' -> "uu";
          case 'm' -> "MM";
          case 'B' -> "MMMM";
          case 'b', 'h' -> "MMM";
          case 'd' -> "dd";
          case 'e' -> "ppd";
          case 'j' -> "DDD";
          case 'A' -> "EEEE";
          case 'a' -> "EEE";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'p' -> "a";
          case 'M' -> "mm";
          case 'S' -> "ss";
          case 'f' -> "SSSSSS";
          case 'F' -> "uuuu-MM-dd";
          case 'T' -> "HH:mm:ss";
          case 'D' -> "MM/dd/uu";
          case '%' -> "'%'";
          default -> null;
        };
    return pattern == null
        ? null
        : DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time);
  }
}
