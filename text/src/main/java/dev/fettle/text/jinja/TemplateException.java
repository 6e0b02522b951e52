package dev.fettle.text.jinja;

/// A template that cannot be read, or that fails or refuses while it renders.
///
/// The message starts with the name that Python would give the error: `TemplateError: System role
/// not supported`.
public final class TemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /// Python's error classes, as far as templates meet them.
  public enum Kind {
    TEMPLATE_ERROR("TemplateError"),
    /// No filter or test of that name.
    ASSERTION("TemplateAssertionError"),
    RUNTIME("TemplateRuntimeError"),
    SYNTAX("TemplateSyntaxError"),
    UNDEFINED("UndefinedError"),
    SECURITY("SecurityError"),
    TYPE("TypeError"),
    VALUE("ValueError"),
    OVERFLOW("OverflowError"),
    ZERO_DIVISION("ZeroDivisionError"),
    KEY("KeyError"),
    INDEX("IndexError"),
    ASSERT("AssertionError"),
    FILTER_ARGUMENT("FilterArgumentError"),
    /// Our own: the template ran too long or wrote too much.
    LIMIT("LimitError");

    private final String pythonName;

    Kind(String pythonName) {
      this.pythonName = pythonName;
    }
  }

  private final Kind kind;

  TemplateException(Kind kind, String message) {
    super(kind.pythonName + ": " + message);
    this.kind = kind;
  }

  static TemplateException syntax(String message, int line) {
    return new TemplateException(Kind.SYNTAX, message + " (line " + line + ")");
  }

  static TemplateException type(String message) {
    return new TemplateException(Kind.TYPE, message);
  }

  static TemplateException value(String message) {
    return new TemplateException(Kind.VALUE, message);
  }

  public Kind kind() {
    return kind;
  }
}
