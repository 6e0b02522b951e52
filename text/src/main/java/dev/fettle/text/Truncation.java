package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/// What happens to a sample that is longer than the sequence length.
///
/// @param side which end is cut off
/// @param onLong whether it is cut at all
public record Truncation(Side side, OnLong onLong) {

  /// The end of a sequence that is cut off.
  public enum Side {
    /// The end, as TRL's `keep_start`: an answer loses its last words.
    RIGHT,
    /// The start, as TRL's `keep_end`: a prompt loses its first words.
    LEFT
  }

  /// What to do with a sample that is too long.
  public enum OnLong {
    /// Cut it; it is left out if nothing to learn remains.
    TRUNCATE,
    /// Leave it out.
    DROP,
    /// Refuse the data set.
    ERROR
  }

  /// The end is cut off.
  public static Truncation defaults() {
    return new Truncation(Side.RIGHT, OnLong.TRUNCATE);
  }

  /// @param side `right` or `left`
  /// @param onLong `truncate`, `drop` or `error`
  /// @throws UserException if one is something else
  public static Truncation parse(String side, String onLong) {
    return new Truncation(
        parse(Side.class, "--truncation-side", side), parse(OnLong.class, "--on-long", onLong));
  }

  private static <E extends Enum<E>> E parse(Class<E> type, String option, String text) {
    for (E value : type.getEnumConstants()) {
      if (value.name().toLowerCase(Locale.ROOT).equals(text)) {
        return value;
      }
    }
    throw new UserException(
        "%s must be %s, not '%s'."
            .formatted(
                option,
                Arrays.stream(type.getEnumConstants())
                    .map(value -> value.name().toLowerCase(Locale.ROOT))
                    .collect(Collectors.joining(" or ")),
                text));
  }

  /// @return the part of `sample` that is kept, itself if it is no longer than `length`
  Sample cut(Sample sample, int length) {
    return switch (side) {
      case RIGHT -> sample.truncated(length);
      case LEFT -> sample.last(length);
    };
  }
}
