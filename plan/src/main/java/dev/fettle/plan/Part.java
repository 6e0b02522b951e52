package dev.fettle.plan;

/// Memory of one kind.
///
/// @param name what it holds, such as `activations`
/// @param bytes resident
/// @param how what it is made of, in a few words
public record Part(String name, long bytes, String how) {
  /// More than any machine has; larger sizes are this one, so that sums stay numbers.
  private static final double MOST = 1e17;

  /// A size that may be beyond all numbers.
  static long capped(double bytes) {
    return (long) Math.min(MOST, bytes);
  }

  public Part {
    if (bytes < 0) {
      throw new IllegalArgumentException(name + " takes " + bytes + " bytes");
    }
  }
}
