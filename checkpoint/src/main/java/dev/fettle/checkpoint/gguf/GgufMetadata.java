package dev.fettle.checkpoint.gguf;

import dev.fettle.tensor.UserException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The keys and values of a file, in the order of the file, and typed access to them. Messages name
/// the key and the file.
public final class GgufMetadata {
  private final String source;
  private final SequencedMap<String, GgufValue> entries = new LinkedHashMap<>();

  /// Empty metadata.
  ///
  /// @param source the file, for messages
  public GgufMetadata(String source) {
    this.source = source;
  }

  /// The file these are of, for messages.
  public String source() {
    return source;
  }

  /// All entries; a read-only view.
  public SequencedMap<String, GgufValue> entries() {
    return Collections.unmodifiableSequencedMap(entries);
  }

  /// Adds an entry, or replaces the value of one that is there.
  public GgufMetadata put(String key, GgufValue value) {
    entries.put(key, value);
    return this;
  }

  /// Adds an entry with a string.
  public GgufMetadata put(String key, String value) {
    return put(key, GgufValue.of(value));
  }

  /// Adds all entries of `other` in its order.
  public GgufMetadata putAll(GgufMetadata other) {
    entries.putAll(other.entries);
    return this;
  }

  /// Whether the key is new; a file that has one twice is malformed.
  boolean putNew(String key, GgufValue value) {
    return entries.putIfAbsent(key, value) == null;
  }

  public boolean has(String key) {
    return entries.containsKey(key);
  }

  public @Nullable GgufValue get(String key) {
    return entries.get(key);
  }

  /// The string under this key, or null.
  ///
  /// @throws UserException if there is something else
  public @Nullable String text(String key) {
    return switch (entries.get(key)) {
      case null -> null;
      case GgufValue.Text text -> text.value();
      case GgufValue other -> throw wrong(key, "a string", other);
    };
  }

  /// @throws UserException if the key is missing or not a string
  public String requiredText(String key) {
    @Nullable String text = text(key);
    if (text == null) {
      throw missing(key, "a string");
    }
    return text;
  }

  /// The whole number under this key, of any width, or null.
  ///
  /// @throws UserException if there is something else, or it does not fit 31 bits and a sign
  public @Nullable Integer whole(String key) {
    return switch (entries.get(key)) {
      case null -> null;
      case GgufValue.Whole whole when fitsInt(whole) -> Math.toIntExact(whole.value());
      case GgufValue other -> throw wrong(key, "a whole number below 2^31", other);
    };
  }

  private static boolean fitsInt(GgufValue.Whole whole) {
    return whole.value() == (int) whole.value();
  }

  /// @throws UserException if the key is missing or not a positive whole number
  public int requiredPositive(String key) {
    @Nullable Integer value = whole(key);
    if (value == null) {
      throw missing(key, "a whole number");
    }
    if (value <= 0) {
      throw new UserException(
          "Key '" + key + "' in " + source + " must be positive: " + value + ".");
    }
    return value;
  }

  /// The number under this key, whole or not, or the fallback.
  ///
  /// @throws UserException if there is something else
  public double number(String key, double fallback) {
    return switch (entries.get(key)) {
      case null -> fallback;
      case GgufValue.Real real -> real.value();
      case GgufValue.Whole whole -> whole.value();
      case GgufValue other -> throw wrong(key, "a number", other);
    };
  }

  /// @throws UserException if the key is missing or not a number
  public double requiredNumber(String key) {
    if (!has(key)) {
      throw missing(key, "a number");
    }
    return number(key, 0);
  }

  /// The boolean under this key, or the fallback.
  ///
  /// @throws UserException if there is something else
  public boolean bool(String key, boolean fallback) {
    return switch (entries.get(key)) {
      case null -> fallback;
      case GgufValue.Bool bool -> bool.value();
      case GgufValue other -> throw wrong(key, "true or false", other);
    };
  }

  /// The array of strings under this key, or null.
  ///
  /// @throws UserException if there is something else
  public @Nullable List<String> texts(String key) {
    return switch (entries.get(key)) {
      case null -> null;
      case GgufValue.Texts texts -> texts.values();
      case GgufValue other -> throw wrong(key, "an array of strings", other);
    };
  }

  /// The array of numbers under this key, or null.
  ///
  /// @throws UserException if there is something else
  public GgufValue.@Nullable Numbers numbers(String key) {
    return switch (entries.get(key)) {
      case null -> null;
      case GgufValue.Numbers numbers -> numbers;
      case GgufValue other -> throw wrong(key, "an array of numbers", other);
    };
  }

  private UserException missing(String key, String expected) {
    return new UserException("Key '" + key + "' (" + expected + ") is missing in " + source + ".");
  }

  private UserException wrong(String key, String expected, GgufValue found) {
    return new UserException(
        "Key '%s' in %s: expected %s, found %s (%s)."
            .formatted(key, source, expected, found.type(), excerpt(found)));
  }

  private static String excerpt(GgufValue value) {
    String text = value.toString();
    return text.length() <= 60 ? text : text.substring(0, 60) + "…";
  }
}
