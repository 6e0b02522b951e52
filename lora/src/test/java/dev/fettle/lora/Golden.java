package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.engine.Scope;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Assumptions;

/// Where the tests find the trained model, the adapters PEFT wrote and the logits it computed.
final class Golden {
  private static final Path SHARED = Path.of(System.getProperty("fettle.shared", "../shared"));
  private static final Path OWN = Path.of("src/test/resources/golden");
  private static final Path FINETUNE = Path.of("../finetune/src/test/resources/golden");

  private Golden() {}

  /// The trained stories260K, or the test is skipped.
  static Path stories260K() {
    return shared("assets/stories260K");
  }

  /// Optional data beside the checkout, or the test is skipped.
  static Path shared(String name) {
    Path path = SHARED.resolve(name);
    Assumptions.assumeTrue(Files.exists(path), "needs " + path);
    return path;
  }

  /// stories260K in NF4 with double quantization, by bitsandbytes; without a tokenizer.
  static Path baseNf4() {
    return FINETUNE.resolve("base-nf4");
  }

  /// A trained-looking adapter by PEFT: r = 8, alpha = 16, all linear layers, B random.
  static Path adapter() {
    return FINETUNE.resolve("lora-init");
  }

  static Path variant(String name) {
    return OWN.resolve("variants").resolve(name);
  }

  /// An adapter of every kind, or one of their bases, written by PEFT.
  static Path peftAdapter(String name) {
    return OWN.resolve("adapters").resolve(name);
  }

  /// The base of such an adapter.
  static Path peftBase(String adapter) {
    if (adapter.startsWith("gemma")) {
      return peftAdapter(adapter.endsWith("tied") ? "base-gemma-tied" : "base-gemma");
    }
    if (adapter.startsWith("phi3")) {
      return peftAdapter("base-phi3");
    }
    boolean tied = adapter.contains("tied") || Set.of("tokens-two", "everything").contains(adapter);
    return peftAdapter(tied ? "base-tied" : "base-untied");
  }

  static TensorSource logitsOf(String variant) {
    return SafetensorsFile.open(variant(variant).resolve("logits.safetensors"));
  }

  /// I64 `[rows, columns]`
  static int[][] rows(HostTensor tensor) {
    int[] flat = ints(tensor);
    int columns = (int) tensor.shape().dim(-1);
    int[][] rows = new int[flat.length / columns][];
    for (int i = 0; i < rows.length; i++) {
      rows[i] = Arrays.copyOfRange(flat, i * columns, (i + 1) * columns);
    }
    return rows;
  }

  static int[][] ids(HostTensor tensor) {
    return new int[][] {ints(tensor)};
  }

  static int[] ints(HostTensor tensor) {
    long[] wide = tensor.data().toArray(ValueLayout.JAVA_LONG_UNALIGNED);
    int[] ids = new int[wide.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = Math.toIntExact(wide[i]);
    }
    return ids;
  }

  /// Logits at every position of a model folder, `[positions · vocab]`.
  static float[] logits(Path model, int[][] ids) {
    try (CausalLm loaded = CausalLm.load(model, LoadOptions.defaults())) {
      return logits(loaded, ids);
    }
  }

  static float[] logits(CausalLm model, int[][] ids) {
    try (Scope scope = Scope.open()) {
      return model.logits(ids).toFloats();
    }
  }

  static double maxDifference(float[] found, float[] expected) {
    assertThat(found).hasSameSizeAs(expected);
    double largest = 0;
    for (int i = 0; i < found.length; i++) {
      double difference = Math.abs((double) found[i] - expected[i]);
      if (!(difference <= largest)) { // also NaN
        largest = difference;
      }
    }
    return largest;
  }
}
