package dev.fettle.text;

import dev.fettle.text.records.DataFiles;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Tokenized samples that can be read in any order. Large ones lie in a temporary file, see
/// [TokenStore].
public sealed interface Dataset
    permits InMemoryDataset, StoredDataset, SelectedDataset, PackedDataset, WrappedDataset {

  /// Reads files by the ends of their names:
  ///
  /// * `.jsonl`, `.json`, `.csv`, `.tsv`, `.parquet` and their like hold a record per row; see
  ///   [dev.fettle.text.records.RecordKind] for what may be in one;
  /// * anything else: plain text, cut into blocks of the sequence length, see [TextReader].
  ///
  /// @param template renders conversations; null if the model folder has none
  /// @throws dev.fettle.tensor.UserException if a file is missing, empty or malformed, naming the
  ///   row, or if no sample has anything to learn
  static Dataset load(
      DataFiles files,
      Tokenizer tokenizer,
      @Nullable ChatTemplate template,
      DatasetOptions options) {
    return new DatasetLoader(files, tokenizer, template, options).load();
  }

  /// As [#load(DataFiles, Tokenizer, ChatTemplate, DatasetOptions)], of one file, folder or
  /// pattern.
  static Dataset load(
      Path path, Tokenizer tokenizer, @Nullable ChatTemplate template, DatasetOptions options) {
    return load(DataFiles.of(path), tokenizer, template, options);
  }

  /// A dataset of samples made elsewhere.
  static Dataset of(List<Sample> samples) {
    return new InMemoryDataset(samples);
  }

  int size();

  /// @throws IndexOutOfBoundsException unless 0 ≤ index < size
  Sample get(int index);

  /// Tokens of sample `index`.
  int length(int index);

  /// Where sample `index` is from, for messages: `data.jsonl line 7`.
  String origin(int index);

  DatasetSummary summary();

  /// The samples at these places, in this order.
  default Dataset select(int[] indices) {
    return new SelectedDataset(this, indices);
  }

  /// This dataset with several samples in a row where they fit.
  ///
  /// @param seqLength tokens of a row
  /// @param seed of the order in which equally long samples are taken
  default Dataset packed(PackingStrategy strategy, int seqLength, long seed) {
    return PackedDataset.of(this, strategy, seqLength, seed);
  }
}
