package dev.fettle.text;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// One training sequence in Hugging Face's convention: `labels[i]` is the token that stands at
/// position i, or [#IGNORE]. The loss compares the prediction made at i with `labels[i + 1]`, so
/// `labels[0]` is never a target.
///
/// @param ids token ids
/// @param labels as long as `ids`; the same array where every token is a target
/// @param starts where documents begin that share this row, ascending, the first 0; null is one
///   document. The label at a start is [#IGNORE]: no document predicts the next
@SuppressWarnings("ArrayRecordComponent") // never compared; equality by identity is what we want
public record Sample(int[] ids, int[] labels, int @Nullable [] starts) {
  /// The label of a token without loss, PyTorch's `ignore_index`.
  public static final int IGNORE = -100;

  public Sample {
    if (ids.length != labels.length) {
      throw new IllegalArgumentException(ids.length + " ids but " + labels.length + " labels");
    }
  }

  /// One document.
  public Sample(int[] ids, int[] labels) {
    this(ids, labels, null);
  }

  /// Every token is a target.
  public static Sample unmasked(int[] ids) {
    return new Sample(ids, ids);
  }

  public int length() {
    return ids.length;
  }

  /// How many predictions the loss is taken over.
  public int targetTokens() {
    int count = 0;
    for (int i = 1; i < labels.length; i++) {
      if (labels[i] != IGNORE) {
        count++;
      }
    }
    return count;
  }

  /// The first `length` tokens of one document, or this if it is no longer than that.
  public Sample truncated(int length) {
    return slice(0, Math.min(length, ids.length));
  }

  /// The last `length` tokens of one document, or this if it is no longer than that.
  public Sample last(int length) {
    return slice(Math.max(0, ids.length - length), ids.length);
  }

  private Sample slice(int from, int to) {
    if (to - from == ids.length) {
      return this;
    }
    int[] part = Arrays.copyOfRange(ids, from, to);
    return new Sample(part, labels == ids ? part : Arrays.copyOfRange(labels, from, to));
  }
}
