package dev.fettle.text;

import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/// A dataset in batches, by number.
///
/// @param order of the same size as the dataset
/// @param batchSize rows per batch
/// @param padId the token that fills short rows
public record Batches(Dataset dataset, SampleOrder order, int batchSize, int padId) {
  public Batches {
    if (order.size() != dataset.size()) {
      throw new IllegalArgumentException(
          "order of " + order.size() + " samples for a dataset of " + dataset.size());
    }
    if (batchSize < 1) {
      throw new IllegalArgumentException("batch size " + batchSize);
    }
  }

  /// Batch `index` of an endless run; epochs follow each other without a gap, so a batch may hold
  /// the end of one and the start of the next.
  public TokenBatch at(long index) {
    long start = Math.multiplyExact(index, (long) batchSize);
    return TokenBatch.of(
        LongStream.range(start, start + batchSize)
            .mapToObj(position -> dataset.get(order.at(position)))
            .toList(),
        padId);
  }

  /// The first epoch, each sample once; the last batch may have fewer rows.
  public List<TokenBatch> onePass() {
    return IntStream.iterate(0, start -> start < dataset.size(), start -> start + batchSize)
        .mapToObj(start ->
            TokenBatch.of(
                IntStream.range(start, Math.min(dataset.size(), start + batchSize))
                    .mapToObj(position -> dataset.get(order.at(position)))
                    .toList(),
                padId))
        .toList();
  }

  /// The token to pad with: the tokenizer's own, or its end-of-text token, or 0. Any would do,
  /// since padding has no loss and is never attended to.
  public static int padId(Tokenizer tokenizer) {
    @Nullable Integer pad = tokenizer.padId();
    @Nullable Integer eos = tokenizer.eosId();
    return pad != null ? pad : eos != null ? eos : 0;
  }
}
