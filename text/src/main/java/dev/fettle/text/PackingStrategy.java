package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.Locale;

/// How short samples share a row; the names are TRL's.
public enum PackingStrategy {
  /// Best-fit decreasing: whole samples, each beside others that fill the row best. Positions and
  /// attention start anew with each, so the loss is that of the samples alone.
  BFD,
  /// All samples one after another, however long, cut into rows of the sequence length wherever
  /// that falls; nothing is truncated. A row is one document, as in TRL: attention crosses the
  /// borders between samples.
  WRAPPED;

  /// @throws UserException if it is neither `bfd` nor `wrapped`
  public static PackingStrategy parse(String text) {
    for (PackingStrategy strategy : values()) {
      if (strategy.name().toLowerCase(Locale.ROOT).equals(text)) {
        return strategy;
      }
    }
    throw new UserException("--packing-strategy must be bfd or wrapped, not '" + text + "'.");
  }
}
