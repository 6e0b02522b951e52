package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.records.RecordOptions;
import org.jspecify.annotations.Nullable;

/// How files become samples.
///
/// @param seqLength longest sample in tokens; below 2 is a [UserException]
/// @param loss which tokens are learned; plain text always is
/// @param records which columns hold what
/// @param truncation what happens to longer samples, except where [PackingStrategy#WRAPPED] joins
///   all
/// @param deduplicate leave out rows that repeat an earlier one
/// @param maxSamples only the first ones; 0 is all
/// @param packing how samples share the rows that are trained on; null gives each its own.
///   [Dataset#packed] makes the rows
/// @param template which chat template renders conversations
public record DatasetOptions(
    int seqLength,
    LossOn loss,
    RecordOptions records,
    Truncation truncation,
    boolean deduplicate,
    int maxSamples,
    @Nullable PackingStrategy packing,
    TemplateChoice template) {

  public DatasetOptions {
    if (seqLength < 2) {
      throw new UserException(
          "A sequence length of " + seqLength + " leaves nothing to predict; use at least 2.");
    }
    if (maxSamples < 0) {
      throw new UserException("--max-samples must be 0 or more, not " + maxSamples + ".");
    }
  }

  /// Loss on answers only; columns by their usual names; longer samples lose their end.
  public static DatasetOptions of(int seqLength) {
    return new DatasetOptions(
        seqLength,
        LossOn.answers(),
        RecordOptions.defaults(),
        Truncation.defaults(),
        false,
        0,
        null,
        TemplateChoice.ofTheModel());
  }

  /// Loss on answers only, or on everything.
  public DatasetOptions withCompletionOnly(boolean value) {
    return withLoss(value ? LossOn.answers() : LossOn.everything());
  }

  public DatasetOptions withLoss(LossOn value) {
    return new DatasetOptions(
        seqLength, value, records, truncation, deduplicate, maxSamples, packing, template);
  }

  public DatasetOptions withRecords(RecordOptions value) {
    return new DatasetOptions(
        seqLength, loss, value, truncation, deduplicate, maxSamples, packing, template);
  }

  public DatasetOptions withTruncation(Truncation value) {
    return new DatasetOptions(
        seqLength, loss, records, value, deduplicate, maxSamples, packing, template);
  }

  public DatasetOptions withDeduplicate(boolean value) {
    return new DatasetOptions(
        seqLength, loss, records, truncation, value, maxSamples, packing, template);
  }

  public DatasetOptions withMaxSamples(int value) {
    return new DatasetOptions(
        seqLength, loss, records, truncation, deduplicate, value, packing, template);
  }

  public DatasetOptions withPacking(@Nullable PackingStrategy value) {
    return new DatasetOptions(
        seqLength, loss, records, truncation, deduplicate, maxSamples, value, template);
  }

  public DatasetOptions withTemplate(TemplateChoice value) {
    return new DatasetOptions(
        seqLength, loss, records, truncation, deduplicate, maxSamples, packing, value);
  }

  /// For files with other names, such as GSM8K's `question` and `answer`.
  public DatasetOptions withKeys(String prompt, String completion) {
    return withRecords(
        records.withColumns(
            records.columns().with("prompt", prompt).with("completion", completion)));
  }
}
