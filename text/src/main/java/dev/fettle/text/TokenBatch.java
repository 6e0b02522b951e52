package dev.fettle.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Samples side by side, padded on the right to the longest.
///
/// With causal attention nothing before the padding sees it, and its labels are [Sample#IGNORE], so
/// no attention mask is needed.
///
/// @param ids token ids, [rows × length]
/// @param labels labels, [rows × length], in the convention of [Sample]
/// @param starts per row the columns where its documents begin, ascending, the first 0; null if
///   every row is one document. Positions begin anew at each and attention does not cross them;
///   padding belongs to the last
@SuppressWarnings("ArrayRecordComponent") // a carrier to the trainer, never compared
public record TokenBatch(int[][] ids, int[][] labels, int @Nullable [][] starts) {

  /// Rows of one document each.
  public TokenBatch(int[][] ids, int[][] labels) {
    this(ids, labels, null);
  }

  /// @param padId any token id; see [Batches#padId]
  public static TokenBatch of(List<Sample> samples, int padId) {
    int length = samples.stream().mapToInt(Sample::length).max().orElseThrow();
    int[][] ids = new int[samples.size()][];
    int[][] labels = new int[samples.size()][];
    for (int row = 0; row < ids.length; row++) {
      ids[row] = padded(samples.get(row).ids(), length, padId);
      labels[row] = padded(samples.get(row).labels(), length, Sample.IGNORE);
    }
    return new TokenBatch(ids, labels, starts(samples));
  }

  private static int @Nullable [][] starts(List<Sample> samples) {
    if (samples.stream().allMatch(sample -> sample.starts() == null)) {
      return null;
    }
    int[][] starts = new int[samples.size()][];
    for (int row = 0; row < starts.length; row++) {
      int @Nullable [] own = samples.get(row).starts();
      starts[row] = own == null ? new int[1] : own.clone();
    }
    return starts;
  }

  private static int[] padded(int[] values, int length, int pad) {
    int[] row = Arrays.copyOf(values, length);
    Arrays.fill(row, values.length, length, pad);
    return row;
  }

  /// The same documents, each in a row of its own.
  ///
  /// @param padId fills short rows
  public TokenBatch unpacked(int padId) {
    int[][] packed = starts;
    if (packed == null) {
      return this;
    }
    List<Sample> documents = new ArrayList<>();
    for (int row = 0; row < ids.length; row++) {
      int[] own = packed[row];
      for (int i = 0; i < own.length; i++) {
        int end = i + 1 < own.length ? own[i + 1] : ids[row].length;
        documents.add(
            new Sample(
                Arrays.copyOfRange(ids[row], own[i], end),
                Arrays.copyOfRange(labels[row], own[i], end)));
      }
    }
    return of(documents, padId);
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
