package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Tokenized samples, all in memory (four bytes per token, eight where prompts are masked).
public sealed interface Dataset permits InMemoryDataset {

  /// Reads a file by the end of its name:
  ///
  /// * `.jsonl`, `.ndjson`: one JSON object per line, see [JsonlReader];
  /// * anything else: plain text, see [TextReader].
  ///
  /// @param template renders chat lines; null if the model folder has none
  /// @throws UserException if the file is missing, empty or malformed, naming the line, or if no
  ///   sample has anything to learn
  static Dataset load(
      Path file, Tokenizer tokenizer, @Nullable ChatTemplate template, DatasetOptions options) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    if (name.endsWith(".jsonl") || name.endsWith(".ndjson")) {
      return new JsonlReader(file, tokenizer, template, options).read();
    }
    if (name.endsWith(".json")) {
      throw new UserException(
          file
              + ": expected one JSON object per line in a .jsonl file, or plain text in a .txt file.");
    }
    return TextReader.read(file, tokenizer, options.seqLength());
  }

  /// A dataset of samples made elsewhere.
  static Dataset of(List<Sample> samples) {
    return InMemoryDataset.of(samples);
  }

  int size();

  /// @throws IndexOutOfBoundsException unless 0 ≤ index < size
  Sample get(int index);

  DatasetSummary summary();

  /// The samples at these places, in this order.
  default Dataset select(int[] indices) {
    return of(Arrays.stream(indices).mapToObj(this::get).toList());
  }
}
