package dev.fettle.demo;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.demo.world.Question;
import dev.fettle.evaluate.KlDivergence;
import dev.fettle.evaluate.Perplexity;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Measures models on the same text and the same questions, against one base model that it keeps
/// loaded.
final class Examiner implements AutoCloseable {
  /// Context of perplexity and divergence; windows follow each other without overlap.
  static final int CONTEXT = 128;

  private final CausalLm base;
  private final long baseWeights;
  private final Tokenizer tokenizer;
  private final int[] prose;
  private final List<Question> questions;

  /// @param model folder of the base model
  /// @param text held-out prose
  Examiner(Path model, String text, List<Question> questions) {
    this.base = CausalLm.load(model, LoadOptions.defaults());
    this.tokenizer = Tokenizer.load(model);
    this.prose = tokenizer.encode(text, false);
    this.questions = questions;
    try (Checkpoint folder = Checkpoint.open(model)) {
      this.baseWeights =
          folder.infos().values().stream().mapToLong(info -> info.shape().elements()).sum();
    }
  }

  /// Weights of the base model.
  long weights() {
    return baseWeights;
  }

  /// Tokens of the held-out prose.
  int proseTokens() {
    return prose.length;
  }

  /// @param name for the table
  /// @param weights how they are stored, in words
  /// @param model folder of the model
  /// @param adapter folder of an adapter on top, or null
  Measured measure(String name, String weights, Path model, @Nullable Path adapter) {
    try (CausalLm loaded = CausalLm.load(model, LoadOptions.defaults())) {
      if (adapter == null) {
        return measure(name, weights, bytes(model), loaded);
      }
      try (AdapterFolder folder = AdapterFolder.open(adapter);
          LoraAdapter attached = LoraAdapter.attach(loaded, folder)) {
        attached.enabled(true);
        return measure(name, weights, bytes(model) + adapterBytes(adapter), loaded);
      }
    }
  }

  private Measured measure(String name, String weights, long bytes, CausalLm model) {
    Perplexity.Options windows = new Perplexity.Options(CONTEXT, CONTEXT, 0);
    return new Measured(
        name,
        weights,
        bytes,
        8.0 * bytes / baseWeights,
        Perplexity.of(model, prose, windows, (done, total) -> {}).perplexity(),
        KlDivergence.of(base, model, prose, CONTEXT),
        Exam.take(model, tokenizer, questions));
  }

  private static long bytes(Path model) {
    try (Checkpoint folder = Checkpoint.open(model)) {
      return folder.infos().values().stream().mapToLong(TensorInfo::bytes).sum();
    }
  }

  private static long adapterBytes(Path adapter) {
    Path file = adapter.resolve(AdapterFolder.TENSORS);
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  @Override
  public void close() {
    tokenizer.close();
    base.close();
  }
}
