package dev.fettle.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/// The source files of the checkout the tests run in.
final class Sources {
  static final Path ROOT = Path.of(System.getProperty("fettle.root")).toAbsolutePath().normalize();

  private Sources() {}

  /// Every Java file of every module, tests included.
  static List<Path> javaFiles() throws IOException {
    try (Stream<Path> modules = Files.list(ROOT)) {
      return modules
          .map(module -> module.resolve("src"))
          .filter(Files::isDirectory)
          .flatMap(Sources::walk)
          .filter(path -> path.toString().endsWith(".java"))
          .sorted()
          .toList();
    }
  }

  private static Stream<Path> walk(Path folder) {
    try (Stream<Path> paths = Files.walk(folder)) {
      return paths.toList().stream();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
