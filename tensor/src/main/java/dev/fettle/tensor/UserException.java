package dev.fettle.tensor;

import org.jspecify.annotations.Nullable;

/// Something the user can put right: the message is one clear sentence that names the file, tensor
/// or line, what was expected, what was found, and what to do. Shown without a stack trace.
///
/// What a file says may be part of the message, so control characters appear as their code, which
/// keeps it on one line and a terminal's state out of the file's hands, and the middle of a very
/// long message is left out.
public final class UserException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private static final int LONGEST = 2000;
  private static final int LONGEST_END = 500;

  public UserException(String message) {
    super(readable(message));
  }

  public UserException(String message, @Nullable Throwable cause) {
    super(readable(message), cause);
  }

  private static String readable(String message) {
    String cut =
        message.length() <= LONGEST
            ? message
            : message.substring(0, LONGEST - LONGEST_END)
                + "\u2026"
                + message.substring(message.length() - LONGEST_END);
    if (cut.codePoints().noneMatch(UserException::controls)) {
      return cut;
    }
    StringBuilder text = new StringBuilder(cut.length());
    cut.codePoints()
        .forEach(c -> {
          if (controls(c)) {
            text.append("\\u%04X".formatted(c));
          } else {
            text.appendCodePoint(c);
          }
        });
    return text.toString();
  }

  /// Control characters, line ends, and those that turn the direction of writing.
  private static boolean controls(int c) {
    return Character.isISOControl(c)
        || c == 0x2028
        || c == 0x2029
        || (c >= 0x202A && c <= 0x202E)
        || (c >= 0x2066 && c <= 0x2069);
  }
}
