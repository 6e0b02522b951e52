package dev.fettle.quantize;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/// The name a typing error was meant to be. Source of the distance: Levenshtein 1966; here with
/// swapped neighbours as one step (Damerau 1964, restricted).
public final class NearestName {
  private NearestName() {}

  /// The nearest of these names, if no more than about a third of the characters differ.
  public static Optional<String> of(String typed, Collection<String> names) {
    return nearest(typed, names)
        .filter(name ->
            distance(typed, name) <= Math.max(2, Math.max(typed.length(), name.length()) / 3));
  }

  /// The nearest of these names, however far; of equally near ones the first.
  public static Optional<String> nearest(String typed, Collection<String> names) {
    return names.stream().min(Comparator.comparingInt(name -> distance(typed, name)));
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other,
  /// whatever their case.
  public static int distance(String from, String to) {
    String a = from.toLowerCase(Locale.ROOT);
    String b = to.toLowerCase(Locale.ROOT);
    int[][] steps = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      for (int j = 0; j <= b.length(); j++) {
        if (i == 0 || j == 0) {
          steps[i][j] = i + j;
          continue;
        }
        int replaced = steps[i - 1][j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        int least = Math.min(replaced, Math.min(steps[i - 1][j], steps[i][j - 1]) + 1);
        boolean swapped =
            i > 1
                && j > 1
                && a.charAt(i - 1) == b.charAt(j - 2)
                && a.charAt(i - 2) == b.charAt(j - 1);
        steps[i][j] = swapped ? Math.min(least, steps[i - 2][j - 2] + 1) : least;
      }
    }
    return steps[a.length()][b.length()];
  }
}
