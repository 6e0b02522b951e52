package dev.fettle.doctor;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Where two token sequences part.
final class Difference {
  private Difference() {}

  /// In words, or null if they are equal.
  ///
  /// @param a what `first` makes of it
  /// @param b what `second` makes of it
  static @Nullable String of(String first, int[] a, String second, int[] b, TokenNames names) {
    int at = Arrays.mismatch(a, b);
    return at < 0
        ? null
        : "token %d is %s in %s and %s in %s"
            .formatted(at, at(a, at, names), first, at(b, at, names), second);
  }

  private static String at(int[] ids, int index, TokenNames names) {
    return index < ids.length ? names.named(ids[index]) : "missing";
  }
}
