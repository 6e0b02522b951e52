package dev.fettle.calibrate;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/// The small trained model in the demo's resources, read where it lies in the checkout.
final class EmbeddedModel {
  private EmbeddedModel() {}

  static Path folder() {
    String root = Objects.requireNonNull(System.getProperty("fettle.root"));
    return Path.of(root, "demo/src/main/resources/dev/fettle/demo/model");
  }

  /// A copy that may be changed.
  static Path copy(Path target) throws IOException {
    Files.createDirectories(target);
    List<Path> files;
    try (Stream<Path> entries = Files.list(folder())) {
      files = entries.toList();
    }
    for (Path file : files) {
      Files.copy(file, target.resolve(file.getFileName()));
    }
    return target;
  }
}
