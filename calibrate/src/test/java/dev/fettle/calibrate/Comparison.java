package dev.fettle.calibrate;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/// The embedded model and the models made of it, on prose of its world.
public final class Comparison implements AutoCloseable {
  private static final int WINDOW = 128;
  private static final Path RESOURCES = Path.of("src/test/resources");

  private final CausalLm base;
  private final int[] ids;

  public Comparison(Path model) throws IOException {
    this.base = CausalLm.load(model, LoadOptions.defaults());
    try (Tokenizer tokenizer = Tokenizer.load(EmbeddedModel.folder())) {
      this.ids = tokenizer.encode(Files.readString(RESOURCES.resolve("prose-test.txt")), false);
    }
  }

  /// Where the embedded model lies in the checkout.
  public static Path embeddedModel() {
    return EmbeddedModel.folder();
  }

  /// Prose that the test text does not share.
  public static CalibrationText text(int samples) {
    return CalibrationText.load(
        EmbeddedModel.folder(),
        RESOURCES.resolve("prose-calibration.txt"),
        new CalibrationText.Limits(WINDOW, samples, 0));
  }

  /// Mean of `Σ p · (ln p − ln q)` over the positions of the test text, `p` from the base.
  public double divergence(Path model) {
    try (CausalLm other = CausalLm.load(model, LoadOptions.defaults())) {
      double sum = 0;
      int windows = ids.length / WINDOW;
      for (int i = 0; i < windows; i++) {
        int[][] window = {Arrays.copyOfRange(ids, i * WINDOW, (i + 1) * WINDOW)};
        try (Scope scope = Scope.open()) {
          Tensor p = base.logits(window).logSoftmax();
          Tensor q = other.logits(window).logSoftmax();
          sum += p.exp().mul(p.sub(q)).sum().item();
        }
      }
      return sum / ((double) windows * WINDOW);
    }
  }

  @Override
  public void close() {
    base.close();
  }
}
