package dev.fettle.calibrate;

import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Dataset;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.Tokenizer;
import dev.fettle.text.records.DataFiles;
import dev.fettle.text.records.RecordOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// The token sequences that a model is calibrated on.
///
/// @param source the file they are from
/// @param sha256 of that file
/// @param samples at least one, none of them empty
public record CalibrationText(String source, String sha256, List<int[]> samples) {

  /// How much of a file is read.
  ///
  /// @param seqLength longest sample in tokens; plain text is cut into blocks of it
  /// @param maxSamples only the first ones; 0 is all
  /// @param maxTokens only the first ones, which may shorten the last sample; 0 is all
  /// @param records which columns of the data hold what
  public record Limits(int seqLength, int maxSamples, long maxTokens, RecordOptions records) {
    public Limits {
      if (maxSamples < 0 || maxTokens < 0) {
        throw new UserException("The number of samples and tokens to read cannot be negative.");
      }
    }

    /// Of data whose columns have their usual names.
    public Limits(int seqLength, int maxSamples, long maxTokens) {
      this(seqLength, maxSamples, maxTokens, RecordOptions.defaults());
    }

    public Limits withMaxSamples(int value) {
      return new Limits(seqLength, value, maxTokens, records);
    }
  }

  /// Reads plain text or rows as training does, prompts included.
  ///
  /// @param data a file, a folder or a pattern, see [DataFiles]
  /// @param model the folder whose tokenizer and chat template are used
  /// @throws UserException if the file is missing, empty or malformed
  public static CalibrationText load(Path model, Path data, Limits limits) {
    try (Tokenizer tokenizer = Tokenizer.load(model)) {
      DataFiles files = DataFiles.of(data);
      Dataset dataset =
          Dataset.load(
              files,
              tokenizer,
              ChatTemplate.load(model),
              DatasetOptions.of(limits.seqLength())
                  .withCompletionOnly(false)
                  .withRecords(limits.records())
                  .withMaxSamples(limits.maxSamples()));
      return new CalibrationText(data.toString(), files.sha256(), samples(dataset, limits));
    }
  }

  private static List<int[]> samples(Dataset dataset, Limits limits) {
    long tokensLeft = limits.maxTokens() == 0 ? Long.MAX_VALUE : limits.maxTokens();
    int count =
        limits.maxSamples() == 0 ? dataset.size() : Math.min(dataset.size(), limits.maxSamples());
    List<int[]> samples = new ArrayList<>();
    for (int i = 0; i < count && tokensLeft > 0; i++) {
      int[] ids = dataset.get(i).ids();
      int length = (int) Math.min(ids.length, tokensLeft);
      samples.add(Arrays.copyOf(ids, length));
      tokensLeft -= length;
    }
    return samples;
  }

  /// All tokens.
  public long tokens() {
    return samples.stream().mapToLong(ids -> ids.length).sum();
  }

  /// The samples in their order, in batches of equally long ones, so that nothing is padded.
  ///
  /// @param batchSize samples per batch at most
  public List<int[][]> batches(int batchSize) {
    if (batchSize < 1) {
      throw new UserException("--batch-size must be 1 or more, not " + batchSize + ".");
    }
    List<int[][]> batches = new ArrayList<>();
    int from = 0;
    while (from < samples.size()) {
      int to = from + 1;
      while (to < samples.size()
          && to - from < batchSize
          && samples.get(to).length == samples.get(from).length) {
        to++;
      }
      batches.add(samples.subList(from, to).toArray(int[][]::new));
      from = to;
    }
    return batches;
  }
}
