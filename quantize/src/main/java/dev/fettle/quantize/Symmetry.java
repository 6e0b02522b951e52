package dev.fettle.quantize;

/// How a range of numbers is laid over the integers of a grid.
public enum Symmetry {
  /// Zero lies in the middle and every integer is used: −128 to 127 for signed 8 bits.
  SYMMETRIC("sym"),
  /// Zero lies in the middle and the lowest integer is left out, so that the grid is its own mirror
  /// image: −127 to 127 for signed 8 bits.
  RESTRICTED("sym"),
  /// The range of the numbers, widened to hold zero, is laid over all integers; a zero point says
  /// which integer stands for zero.
  ASYMMETRIC("asym");

  private final String text;

  Symmetry(String text) {
    this.text = text;
  }

  /// `sym` or `asym`, as in a scheme; the restricted range is a suffix there.
  public String text() {
    return text;
  }

  /// Whether zero lies in the middle.
  public boolean symmetric() {
    return this != ASYMMETRIC;
  }
}
