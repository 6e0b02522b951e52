package dev.fettle.tensor;

import org.jspecify.annotations.Nullable;

/// Something the user can put right: the message is one clear sentence that names the file, tensor
/// or line, what was expected, what was found, and what to do. Shown without a stack trace.
public final class UserException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UserException(String message) {
    super(message);
  }

  public UserException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
