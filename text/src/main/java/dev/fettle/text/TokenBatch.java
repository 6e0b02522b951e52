package dev.fettle.text;

import java.util.Arrays;
import java.util.List;

/// Samples side by side, padded on the right to the longest.
///
/// With causal attention nothing before the padding sees it, and its labels are [Sample#IGNORE], so
/// no attention mask is needed.
///
/// @param ids token ids, [rows × length]
/// @param labels labels, [rows × length], in the convention of [Sample]
@SuppressWarnings("ArrayRecordComponent") // a carrier to the trainer, never compared
public record TokenBatch(int[][] ids, int[][] labels) {

  /// @param padId any token id; see [Batches#padId]
  public static TokenBatch of(List<Sample> samples, int padId) {
    int length = samples.stream().mapToInt(Sample::length).max().orElseThrow();
    int[][] ids = new int[samples.size()][];
    int[][] labels = new int[samples.size()][];
    for (int row = 0; row < ids.length; row++) {
      ids[row] = padded(samples.get(row).ids(), length, padId);
      labels[row] = padded(samples.get(row).labels(), length, Sample.IGNORE);
    }
    return new TokenBatch(ids, labels);
  }

  private static int[] padded(int[] values, int length, int pad) {
    int[] row = Arrays.copyOf(values, length);
    Arrays.fill(row, values.length, length, pad);
    return row;
  }

  public int rows() {
    return ids.length;
  }

  public int length() {
    return ids[0].length;
  }

  /// How many predictions the loss is taken over.
  public int targetTokens() {
    int count = 0;
    for (int row = 0; row < ids.length; row++) {
      count += new Sample(ids[row], labels[row]).targetTokens();
    }
    return count;
  }
}
