package dev.fettle.text;

/// A stretch of a text.
///
/// @param start index of the first character, in UTF-16 units
/// @param end one past the last
public record TextSpan(int start, int end) {
  boolean overlaps(TextSpan other) {
    return Math.max(start, other.start) < Math.min(end, other.end);
  }
}
