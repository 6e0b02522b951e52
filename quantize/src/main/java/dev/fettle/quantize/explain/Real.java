package dev.fettle.quantize.explain;

import java.math.BigDecimal;

/// A number without rounding, or one of the values beside the numbers that IEEE 754 has.
public sealed interface Real {
  /// @param value the number
  /// @param negative its sign, which zero has too
  record Finite(BigDecimal value, boolean negative) implements Real {
    static Finite of(BigDecimal value) {
      return new Finite(value, value.signum() < 0);
    }
  }

  record Infinity(boolean negative) implements Real {}

  record NotANumber() implements Real {}
}
