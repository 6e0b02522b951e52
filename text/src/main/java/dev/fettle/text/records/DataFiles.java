package dev.fettle.text.records;

import dev.fettle.checkpoint.FileHash;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The files that make one data set.
///
/// Every path may be a file; a folder, of which all data files are taken in the order of their
/// paths, hidden ones left out; or a pattern with `*`, `**`, `?`, `[…]` or `{…}`. A folder that
/// names its files after splits, as data sets on the Hugging Face hub do, gives those of `train`.
///
/// @param given as the user names them
public record DataFiles(List<Path> given) {
  public DataFiles {
    given = List.copyOf(given);
    if (given.isEmpty()) {
      throw new UserException("No data file is given.");
    }
  }

  /// The files that are there now, each once, in the order they are read.
  ///
  /// @throws UserException if a path stands for none
  public List<Path> files() {
    SequencedSet<Path> files = new LinkedHashSet<>();
    for (Path path : given) {
      files.addAll(resolve(path));
    }
    return List.copyOf(files);
  }

  public static DataFiles of(Path given) {
    return new DataFiles(List.of(given));
  }

  private static List<Path> resolve(Path path) {
    if (Files.isDirectory(path)) {
      return inFolder(path);
    }
    if (!Files.exists(path) && path.toString().matches(".*[*?\\[{].*")) {
      return matching(path);
    }
    if (!Files.exists(path)) {
      throw new UserException("Data file " + path + " does not exist; check the path.");
    }
    return List.of(path);
  }

  private static List<Path> inFolder(Path folder) {
    RowFormats formats = new RowFormats();
    List<Path> files =
        walk(folder, Integer.MAX_VALUE).stream()
            .filter(formats::isData)
            .filter(file -> !hidden(folder, file))
            .toList();
    if (files.isEmpty()) {
      throw new UserException(
          "The folder %s holds no data file; expected files that end in %s or .txt."
              .formatted(folder, formats.endings()));
    }
    return SplitNames.train(folder, files);
  }

  private static boolean hidden(Path folder, Path file) {
    for (Path part : folder.relativize(file)) {
      if (part.toString().startsWith(".")) {
        return true;
      }
    }
    return false;
  }

  /// The files whose whole path matches, below the deepest folder without a pattern.
  private static List<Path> matching(Path pattern) {
    Path folder = pattern.isAbsolute() ? pattern.getRoot() : Path.of("");
    for (Path part : pattern) {
      Path next = folder.resolve(part);
      if (!Files.isDirectory(next)) {
        break;
      }
      folder = next;
    }
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + pattern);
    int depth = pattern.toString().contains("**") ? Integer.MAX_VALUE : pattern.getNameCount();
    List<Path> files =
        walk(folder, depth).stream()
            .filter(file -> matcher.matches(file) && !isHidden(file))
            .toList();
    if (files.isEmpty()) {
      throw new UserException("No file matches " + pattern + "; check the path.");
    }
    return files;
  }

  private static boolean isHidden(Path file) {
    return file.getFileName().toString().startsWith(".");
  }

  private static List<Path> walk(Path folder, int depth) {
    try (Stream<Path> paths = Files.walk(folder, depth)) {
      return paths.filter(Files::isRegularFile).sorted().toList();
    } catch (IOException e) {
      throw new UserException("Cannot read the folder " + folder + ": " + e.getMessage() + ".", e);
    }
  }

  /// The SHA-256 of the file; of several, that of their own hashes in order.
  public String sha256() {
    List<Path> files = files();
    if (files.size() == 1) {
      return FileHash.sha256(files.getFirst());
    }
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      for (Path file : files) {
        digest.update(FileHash.sha256(file).getBytes(StandardCharsets.US_ASCII));
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /// Absolute paths as given, for the settings of a run.
  public String absolute() {
    List<String> paths = new ArrayList<>();
    for (Path path : given) {
      paths.add(path.toAbsolutePath().normalize().toString());
    }
    return String.join(", ", paths);
  }

  /// As given.
  @Override
  public String toString() {
    return given.stream().map(Path::toString).collect(Collectors.joining(", "));
  }
}
