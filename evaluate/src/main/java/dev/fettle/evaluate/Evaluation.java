package dev.fettle.evaluate;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.engine.ProcessMemory;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import dev.fettle.text.records.DataFiles;
import dev.fettle.text.records.PlainText;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Perplexity of one or more models on the same text.
public final class Evaluation {
  private Evaluation() {}

  /// A model to evaluate.
  ///
  /// @param model its folder
  /// @param adapter folder of an adapter on top, or null
  public record Candidate(Path model, @Nullable Path adapter) {
    public String name() {
      String base = model.toString();
      return adapter == null ? base : base + " + " + adapter;
    }
  }

  /// @param weightBytes bytes of the weight files, adapter included
  /// @param seconds of the computation, without loading
  /// @param peakResidentBytes of the process so far
  public record Row(
      Candidate candidate,
      Perplexity.Result result,
      long weightBytes,
      DType computeDtype,
      double seconds,
      long peakResidentBytes) {
    public double tokensPerSecond() {
      return result.tokens() / seconds;
    }
  }

  /// Told which model is being evaluated and how far it is.
  public interface Progress {
    void windows(Candidate candidate, int done, int total);
  }

  /// Each model reads the text with its own tokenizer.
  ///
  /// @param data a text file, UTF-8
  /// @param computeDtype float32 or bfloat16; null takes that of each checkpoint
  /// @throws UserException if a model or the text is missing or unusable
  public static List<Row> run(
      List<Candidate> candidates,
      Path data,
      Perplexity.Options options,
      @Nullable DType computeDtype,
      Progress progress) {
    String text = read(data);
    List<Row> rows = new ArrayList<>();
    for (Candidate candidate : candidates) {
      rows.add(evaluate(candidate, text, options, computeDtype, progress));
    }
    return rows;
  }

  private static Row evaluate(
      Candidate candidate,
      String text,
      Perplexity.Options options,
      @Nullable DType computeDtype,
      Progress progress) {
    int[] ids;
    try (Tokenizer tokenizer = Tokenizer.load(candidate.model())) {
      ids = tokenizer.encode(text, true);
    }
    LoadOptions load = LoadOptions.defaults().withComputeDtype(computeDtype);
    Path adapterPath = candidate.adapter();
    try (CausalLm model = CausalLm.load(candidate.model(), load);
        AutoCloseable adapter = attach(model, adapterPath)) {
      long start = System.nanoTime();
      Perplexity.Result result =
          Perplexity.of(
              model, ids, options, (done, total) -> progress.windows(candidate, done, total));
      return new Row(
          candidate,
          result,
          weightBytes(candidate),
          model.computeDtype(),
          (System.nanoTime() - start) / 1e9,
          ProcessMemory.peakResident());
    } catch (RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("cannot free the adapter", e);
    }
  }

  static AutoCloseable attach(CausalLm model, @Nullable Path adapter) {
    if (adapter == null) {
      return () -> {};
    }
    try (AdapterFolder folder = AdapterFolder.open(adapter)) {
      return LoraAdapter.attach(model, folder);
    }
  }

  static long weightBytes(Candidate candidate) {
    try (Checkpoint folder = Checkpoint.open(candidate.model())) {
      long bytes = folder.infos().values().stream().mapToLong(TensorInfo::bytes).sum();
      Path adapter = candidate.adapter();
      return adapter == null ? bytes : bytes + Files.size(AdapterFolder.tensorFile(adapter));
    } catch (IOException e) {
      throw new UserException("Cannot read " + candidate.name() + ": " + e.getMessage() + ".", e);
    }
  }

  /// The text of a file, a folder or a pattern; rows are joined by blank lines.
  static String read(Path data) {
    return PlainText.read(DataFiles.of(data));
  }
}
