package dev.fettle.finetune;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// Where the tests find the trained model and the values PyTorch and PEFT computed with it.
final class Golden {
  private static final Path SHARED = Path.of(System.getProperty("fettle.shared", "../shared"));
  private static final Path GOLDEN = Path.of("src/test/resources/golden");

  private Golden() {}

  /// The trained stories260K, or the test is skipped.
  static Path stories260K() {
    return present(SHARED.resolve("assets/stories260K"));
  }

  static Path tinyShakespeare() {
    return present(SHARED.resolve("assets/text/tinyshakespeare.txt"));
  }

  private static Path present(Path path) {
    Assumptions.assumeTrue(Files.exists(path), "needs " + path);
    return path;
  }

  static Path path(String name) {
    return GOLDEN.resolve(name);
  }

  static TensorSource open(String name) {
    return SafetensorsFile.open(path(name));
  }

  /// I64 `[rows, columns]` as int rows.
  static int[][] ids(HostTensor tensor) {
    long[] flat = tensor.data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
    int columns = (int) tensor.shape().dim(-1);
    int[][] rows = new int[flat.length / columns][columns];
    for (int i = 0; i < flat.length; i++) {
      rows[i / columns][i % columns] = (int) flat[i];
    }
    return rows;
  }
}
