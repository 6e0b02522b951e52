package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
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
  ///
  /// @throws UserException if it has nothing to learn, naming its rows
  public TokenBatch at(long index) {
    long start = Math.multiplyExact(index, (long) batchSize);
    return batch(LongStream.range(start, start + batchSize).toArray());
  }

  /// The first epoch, each sample once; the last batch may have fewer rows. A batch is read when
  /// the stream comes to it.
  ///
  /// @throws UserException if a batch has nothing to learn, naming its rows
  public Stream<TokenBatch> onePass() {
    return LongStream.iterate(0, start -> start < dataset.size(), start -> start + batchSize)
        .mapToObj(start ->
            batch(LongStream.range(start, Math.min(dataset.size(), start + batchSize)).toArray()));
  }

  private TokenBatch batch(long[] positions) {
    List<Sample> samples = new ArrayList<>();
    for (long position : positions) {
      samples.add(dataset.get(order.at(position)));
    }
    TokenBatch batch = TokenBatch.of(samples, padId);
    if (batch.targetTokens() == 0) {
      throw new UserException(
          "A batch has nothing to learn, because every label in it is masked: %s; leave such rows out, or take the loss on more."
              .formatted(
                  LongStream.of(positions)
                      .mapToObj(position -> dataset.origin(order.at(position)))
                      .distinct()
                      .collect(Collectors.joining(", "))));
    }
    return batch;
  }

  /// Tokens of batch `index` without its padding.
  public long tokens(long index) {
    long start = Math.multiplyExact(index, (long) batchSize);
    return LongStream.range(start, start + batchSize)
        .map(position -> dataset.length(order.at(position)))
        .sum();
  }

  /// The token to pad with: the tokenizer's own, or its end-of-text token, or 0. Any would do,
  /// since padding has no loss and is never attended to.
  public static int padId(Tokenizer tokenizer) {
    @Nullable Integer pad = tokenizer.padId();
    @Nullable Integer eos = tokenizer.eosId();
    return pad != null ? pad : eos != null ? eos : 0;
  }
}
