package dev.fettle.evaluate.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Maps values to pixels, with ticks at round numbers.
///
/// @param low smallest value shown
/// @param high largest value shown, greater than `low`
/// @param from pixel of `low`
/// @param to pixel of `high`
/// @param log logarithmic; both ends positive then
record Scale(double low, double high, double from, double to, boolean log) {
  private static final int WANTED_TICKS = 5;

  /// A scale over at least the given values; linear ones end on ticks, and both kinds have some
  /// width when all values are equal.
  static Scale over(double min, double max, double from, double to, boolean log) {
    if (log) {
      double factor = max > min ? 1.05 : 2;
      return new Scale(min / factor, max * factor, from, to, true);
    }
    double span = max > min ? max - min : Math.max(Math.abs(max), 1);
    double step = step(span);
    return new Scale(
        Math.floor(min / step + 1e-9) * step,
        Math.max(Math.ceil(max / step - 1e-9), Math.floor(min / step + 1e-9) + 1) * step,
        from,
        to,
        false);
  }

  double at(double value) {
    double share =
        log
            ? (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low))
            : (value - low) / (high - low);
    return from + share * (to - from);
  }

  /// Round values inside the scale, ascending.
  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    if (log && high / low > 8) {
      double[] mantissas = high / low > 1000 ? new double[] {1} : new double[] {1, 2, 5};
      for (int e = (int) Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
        for (double mantissa : mantissas) {
          double tick = mantissa * Math.pow(10, e);
          if (tick >= low && tick <= high) {
            ticks.add(tick);
          }
        }
      }
      return ticks;
    }
    double step = step(high - low);
    for (long i = (long) Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /// The round step (1, 2, 2.5 or 5 times a power of ten) that gives about five ticks.
  static double step(double span) {
    double raw = span / WANTED_TICKS;
    double power = Math.pow(10, Math.floor(Math.log10(raw)));
    for (double mantissa : new double[] {1, 2, 2.5, 5}) {
      if (mantissa * power >= raw * 0.999) {
        return mantissa * power;
      }
    }
    return 10 * power;
  }

  /// A tick as text: thousands as k and M, no needless decimals.
  static String label(double tick) {
    double size = Math.abs(tick);
    if (size >= 1e6) {
      return trimmed(tick / 1e6) + "M";
    }
    if (size >= 1e4) {
      return trimmed(tick / 1e3) + "k";
    }
    if (size != 0 && size < 1e-3) {
      return String.format(Locale.ROOT, "%.0e", tick);
    }
    return trimmed(tick);
  }

  private static String trimmed(double value) {
    String text = String.format(Locale.ROOT, "%.3f", value).replaceFirst("\\.?0+$", "");
    return text.equals("-0") ? "0" : text;
  }
}
