package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Names of files as a server gives them. They become paths on this machine, so whatever could lead
/// out of the folder they belong to, on any system, is refused.
final class RepoPath {
  private static final int LONGEST_NAME = 255;
  private static final int LONGEST_PATH = 1024;
  private static final int DEEPEST = 32;

  /// Devices of Windows, with or without an ending.
  private static final Pattern RESERVED =
      Pattern.compile("(con|prn|aux|nul|conin\\$|conout\\$|com[0-9¹²³]|lpt[0-9¹²³])( *\\..*)?");

  private RepoPath() {}

  /// @throws UserException if the name could lead somewhere else
  static String checked(String name, String repository) {
    Optional<String> wrong = problem(name);
    if (wrong.isPresent()) {
      throw new UserException(
          "%s lists a file '%s', which is refused: %s."
              .formatted(repository, shown(name), wrong.get()));
    }
    return name;
  }

  static boolean isSafe(String name) {
    return problem(name).isEmpty();
  }

  private static Optional<String> problem(String name) {
    if (name.isEmpty() || utf8(name) > LONGEST_PATH) {
      return Optional.of(name.isEmpty() ? "the name is empty" : "the name is too long");
    }
    if (name.codePoints().anyMatch(RepoPath::isHidden)) {
      return Optional.of("the name has a control character");
    }
    if (name.indexOf('\\') >= 0) {
      return Optional.of("the name has a backslash");
    }
    if (name.indexOf(':') >= 0) {
      return Optional.of("the name has a colon, as drives of Windows have");
    }
    String[] parts = name.split("/", -1);
    if (parts.length > DEEPEST) {
      return Optional.of("the folders are nested too deep");
    }
    for (String part : parts) {
      @Nullable String wrong = problemOfPart(part);
      if (wrong != null) {
        return Optional.of(wrong);
      }
    }
    return Optional.empty();
  }

  private static @Nullable String problemOfPart(String part) {
    if (part.isEmpty()) {
      return "the name starts or ends with a slash or has two in a row";
    }
    if (part.equals(".") || part.equals("..")) {
      return "the name has a part '" + part + "'";
    }
    if (utf8(part) > LONGEST_NAME) {
      return "a part of the name is too long";
    }
    if (part.endsWith(".") || part.endsWith(" ") || part.startsWith(" ")) {
      return "a part of the name starts or ends with a space or ends with a dot";
    }
    if (RESERVED.matcher(part.toLowerCase(Locale.ROOT)).matches()) {
      return "'" + part + "' is a device on Windows";
    }
    return part.equalsIgnoreCase(".git") ? "it belongs to git" : null;
  }

  /// Control characters, lone surrogates, and those that show a name in another order than it has.
  private static boolean isHidden(int c) {
    int type = Character.getType(c);
    return type == Character.CONTROL
        || type == Character.FORMAT
        || type == Character.SURROGATE
        || type == Character.LINE_SEPARATOR
        || type == Character.PARAGRAPH_SEPARATOR;
  }

  private static int utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8).length;
  }

  private static String shown(String name) {
    return name.length() <= 120 ? name : name.substring(0, 120) + "…";
  }

  /// The path of a checked name below a folder, whose existing parts lead nowhere else.
  ///
  /// @throws UserException if a folder on the way is a symbolic link
  static Path below(Path root, String name) throws IOException {
    Path at = root;
    String[] parts = name.split("/", -1);
    for (int i = 0; i < parts.length - 1; i++) {
      at = at.resolve(parts[i]);
      if (Files.isSymbolicLink(at)) {
        throw new UserException(
            "Cannot write '%s' below %s: %s is a symbolic link; remove it."
                .formatted(name, root, at));
      }
      if (Files.exists(at, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(at)) {
        throw new UserException(
            "Cannot write '%s' below %s: %s is a file; remove it.".formatted(name, root, at));
      }
    }
    Path whole = at.resolve(parts[parts.length - 1]);
    if (!whole.normalize().startsWith(root.normalize())) {
      throw new UserException("Cannot write '%s': it is not below %s.".formatted(name, root));
    }
    return whole;
  }
}
