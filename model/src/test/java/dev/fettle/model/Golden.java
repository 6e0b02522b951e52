package dev.fettle.model;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// Where the tests find the trained model and the reference values.
final class Golden {
  private Golden() {}

  /// The trained stories260K, or the test is skipped.
  static Path stories260K() {
    Path folder = Path.of(System.getProperty("fettle.shared", "../shared"), "assets/stories260K");
    Assumptions.assumeTrue(
        Files.isDirectory(folder), "needs the stories260K checkpoint at " + folder);
    return folder;
  }

  static TensorSource open(String name) {
    return SafetensorsFile.open(Path.of("src/test/resources/golden", name));
  }

  /// I64 `[rows, columns]` as int rows.
  static int[][] ids(HostTensor tensor) {
    long[] flat = longs(tensor);
    int columns = (int) tensor.shape().dim(-1);
    int[][] rows = new int[flat.length / columns][columns];
    for (int i = 0; i < flat.length; i++) {
      rows[i / columns][i % columns] = (int) flat[i];
    }
    return rows;
  }

  static long[] longs(HostTensor tensor) {
    return tensor.data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
  }
}
