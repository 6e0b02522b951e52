package dev.fettle.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/// Optional test data beside the checkout; a test that asks for what is absent skips.
public final class SharedData {
  private SharedData() {}

  public static Path path(String relative) {
    Path path = Path.of(System.getProperty("fettle.shared", "../shared"), relative);
    assumeTrue(Files.exists(path), () -> "skipped: no " + path.normalize());
    return path;
  }
}
