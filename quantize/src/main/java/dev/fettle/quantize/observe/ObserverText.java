package dev.fettle.quantize.observe;

import dev.fettle.tensor.UserException;
import java.math.BigDecimal;
import org.jspecify.annotations.Nullable;

/// Observers as text.
final class ObserverText {
  private ObserverText() {}

  static Observer parse(String text) {
    int colon = text.indexOf(':');
    String name = colon < 0 ? text : text.substring(0, colon);
    @Nullable String value = colon < 0 ? null : text.substring(colon + 1);
    return switch (name) {
      case "min-max" -> plain(text, value, new Observer.MinMax());
      case "entropy" -> plain(text, value, new Observer.Entropy());
      case "mse" -> plain(text, value, new Observer.Mse());
      case "moving-average" ->
          new Observer.MovingAverage(number(text, value, Observer.MovingAverage.DEFAULT));
      case "percentile" ->
          new Observer.Percentile(number(text, value, Observer.Percentile.DEFAULT));
      default -> throw unknown(text);
    };
  }

  private static Observer plain(String text, @Nullable String value, Observer observer) {
    if (value != null) {
      throw unknown(text);
    }
    return observer;
  }

  private static double number(String text, @Nullable String value, double byDefault) {
    if (value == null) {
      return byDefault;
    }
    if (!value.matches("[0-9]{1,9}(\\.[0-9]{1,15})?")) {
      throw unknown(text);
    }
    return Double.parseDouble(value);
  }

  /// `99.99`, `100`, never `1.0E-4`.
  static String number(double value) {
    return BigDecimal.valueOf(value).stripTrailingZeros().toPlainString();
  }

  private static UserException unknown(String text) {
    return new UserException(
        "Unknown observer '%s'; known are min-max, moving-average:0.01, percentile:99.99, entropy and mse."
            .formatted(text));
  }
}
