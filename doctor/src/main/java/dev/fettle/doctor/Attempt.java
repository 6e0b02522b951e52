package dev.fettle.doctor;

import dev.fettle.tensor.UserException;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Something that a sick folder may fail to give.
///
/// @param value null if it failed
/// @param failure the sentence that says why; null if it did not
record Attempt<T>(@Nullable T value, @Nullable String failure) {
  static <T> Attempt<T> of(Supplier<? extends T> work) {
    try {
      return new Attempt<>(work.get(), null);
    } catch (UserException e) {
      return new Attempt<>(null, Objects.requireNonNullElse(e.getMessage(), "no reason given"));
    }
  }

  /// What follows from the value, or the same failure.
  <R> Attempt<R> then(Function<? super T, ? extends R> next) {
    T found = value;
    return found == null ? new Attempt<>(null, failure) : of(() -> next.apply(found));
  }

  boolean failed() {
    return failure != null;
  }
}
