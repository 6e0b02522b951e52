package dev.fettle.fuzz;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/// A folder in which a target lays out the files it opens.
record Sandbox(Path folder) implements AutoCloseable {

  static Sandbox create() {
    try {
      return new Sandbox(Files.createTempDirectory("fettle-fuzz"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path put(String name, byte[] content) {
    try {
      return Files.write(folder.resolve(name), content);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Path put(String name, String content) {
    return put(name, content.getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public void close() {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
      Files.delete(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
