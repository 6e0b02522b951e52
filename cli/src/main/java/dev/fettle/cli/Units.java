package dev.fettle.cli;

import dev.fettle.tensor.UserException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Numbers as people read them. Sizes are decimal (1 GB = 10^9 bytes), as the Hugging Face hub
/// shows them.
final class Units {
  private static final String[] BYTE_UNITS = {"B", "kB", "MB", "GB", "TB"};

  private static final Pattern SIZE = Pattern.compile("(\\d+(?:\\.\\d+)?) *([a-zA-Z]+)?");

  private Units() {}

  /// `1.21 GB`, `412 kB`, `17 B`: three significant digits.
  static String bytes(long bytes) {
    double value = bytes;
    int unit = 0;
    while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
      value /= 1000;
      unit++;
    }
    return (unit == 0 ? Long.toString(bytes) : significant(value)) + " " + BYTE_UNITS[unit];
  }

  /// The inverse of [#bytes], as people type it: `800MB`, `1.5 GB`, `2GiB` (2^31), `4096`.
  ///
  /// @throws UserException if it is no size
  static long parseBytes(String text) {
    Matcher matcher = SIZE.matcher(text.strip());
    if (matcher.matches()) {
      String unit = matcher.group(2) == null ? "B" : matcher.group(2);
      double number = Double.parseDouble(matcher.group(1));
      double factor = 1;
      double binary = 1;
      for (String known : BYTE_UNITS) {
        if (known.equalsIgnoreCase(unit) && number > 0) {
          return Math.round(number * factor);
        }
        if (unit.equalsIgnoreCase(known.replace("B", "iB")) && number > 0) {
          return Math.round(number * binary);
        }
        factor *= 1000;
        binary *= 1024;
      }
    }
    throw new UserException(
        "'" + text + "' is no size; write a number with a unit, such as 800MB, 1.5GB or 2GiB.");
  }

  /// `4.13 bits`.
  static String bits(double bits) {
    return String.format(Locale.ROOT, "%.2f bits", bits);
  }

  /// `1,100,048,384`.
  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }

  /// `1.23e-05`.
  static String scientific(double value) {
    return String.format(Locale.ROOT, "%.2e", value);
  }

  /// `%.{digits}f`, independent of the locale.
  static String fixed(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }

  /// `0.84 s`, `41 s`, `3 min 12 s`, `2 h 05 min`.
  static String duration(double seconds) {
    if (seconds < 10) {
      return fixed(seconds, 2) + " s";
    }
    long whole = Math.round(seconds);
    if (whole < 60) {
      return whole + " s";
    }
    if (whole < 3600) {
      return String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60);
    }
    return String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole % 3600 / 60);
  }

  private static String significant(double value) {
    return fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
  }
}
