package dev.fettle.quantize.ggml;

import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// An importance matrix: how large the inputs of each linear layer were on a text, channel by
/// channel. Quantizers that know it round the weights of large inputs more carefully. Its files are
/// those of llama.cpp's `llama-imatrix`, in the present form (GGUF) and the one before.
///
/// @param source the file, for messages
/// @param datasets what was read, for the record
/// @param chunkCount how many pieces of text, for the record
/// @param chunkSize tokens per piece, for the record; 0 if unknown
/// @param entries by the name of the weight, such as `blk.0.attn_q.weight`
public record Imatrix(
    String source,
    List<String> datasets,
    int chunkCount,
    int chunkSize,
    SortedMap<String, Entry> entries) {

  /// What the input of one weight was.
  ///
  /// @param sums of squares, float32 `[in]`; several rows for a mixture of experts
  /// @param counts tokens that were added up: one number, or one per row
  public record Entry(float[] sums, float[] counts) {
    public Entry {
      if (counts.length == 0 || sums.length % counts.length != 0) {
        throw new IllegalArgumentException(sums.length + " sums of " + counts.length);
      }
    }

    /// The mean square of each channel; 1 where nothing was counted.
    float[] means() {
      int columns = sums.length / counts.length;
      float[] means = new float[sums.length];
      for (int i = 0; i < means.length; i++) {
        float count = counts[i / columns];
        means[i] = count > 0 ? sums[i] / count : 1;
      }
      return means;
    }
  }

  public Imatrix {
    datasets = List.copyOf(datasets);
    entries = Collections.unmodifiableSortedMap(new TreeMap<>(entries));
    entries.forEach((name, entry) -> checkNumbers(source, name, entry));
  }

  private static void checkNumbers(String source, String name, Entry entry) {
    for (float[] numbers : List.of(entry.sums(), entry.counts())) {
      for (float number : numbers) {
        if (!(number >= 0 && number <= Float.MAX_VALUE)) {
          throw new UserException(
              "Importance matrix %s has the number %s for tensor '%s'; expected finite ones that are not negative. Collect it again."
                  .formatted(source, number, name));
        }
      }
    }
  }

  /// Reads either form.
  ///
  /// @throws UserException if the file is missing, malformed or none
  public static Imatrix load(Path file) {
    return GgufFile.isGguf(file) ? GgufImatrix.load(file) : LegacyImatrix.load(file);
  }

  /// Writes a GGUF file, whole or not at all.
  ///
  /// @throws UserException if it cannot be written
  public void save(Path file) {
    GgufImatrix.save(this, file);
  }

  /// The mean square of each input channel of a weight, or null if the weight was not watched.
  ///
  /// @param tensor such as `blk.0.attn_q.weight`
  /// @param columns input channels of the weight
  /// @throws UserException if the matrix has another number of channels for it
  public float @Nullable [] importance(String tensor, long columns) {
    @Nullable Entry entry = entries.get(tensor);
    if (entry == null) {
      return null;
    }
    if (entry.sums().length != columns) {
      throw new UserException(
          "Importance matrix %s has %d numbers for tensor '%s', whose rows have %d weights; collect one with this model."
              .formatted(source, entry.sums().length, tensor, columns));
    }
    return entry.means();
  }
}
