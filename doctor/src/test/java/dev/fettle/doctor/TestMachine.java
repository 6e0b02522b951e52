package dev.fettle.doctor;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/// Machines that do not depend on the one the tests run on.
final class TestMachine {
  private static final long GIB = 1L << 30;

  private TestMachine() {}

  static Machine sound() {
    return with(
        Set.of("avx2", "avx512f"),
        8,
        8,
        512,
        64 * GIB,
        64 * GIB,
        60 * GIB,
        8 * GIB,
        Map.of(),
        home());
  }

  static Path home() {
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  static Machine with(
      Set<String> flags,
      int processors,
      int cores,
      int vectorBits,
      long total,
      long usable,
      long available,
      long heap,
      Map<String, String> environment,
      Path cache) {
    return new Machine(
        "Linux amd64",
        "25.0.1",
        "Test",
        flags,
        processors,
        cores,
        vectorBits,
        total,
        usable,
        available,
        0,
        heap,
        environment,
        cache,
        home());
  }
}
