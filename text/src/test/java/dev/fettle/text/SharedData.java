package dev.fettle.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;

/// Optional test data beside the checkout; a test that asks for what is absent skips.
public final class SharedData {
  private SharedData() {}

  public static boolean has(String relative) {
    return Files.exists(resolve(relative));
  }

  public static Path path(String relative) {
    Path path = resolve(relative);
    assumeTrue(Files.exists(path), () -> "skipped: no " + path.normalize());
    return path;
  }

  private static Path resolve(String relative) {
    return Path.of(System.getProperty("fettle.shared", "../shared"), relative);
  }
}
