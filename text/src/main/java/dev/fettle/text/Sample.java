package dev.fettle.text;

import java.util.Arrays;

/// One training sequence in Hugging Face's convention: `labels[i]` is the token that stands at
/// position i, or [#IGNORE]. The loss compares the prediction made at i with `labels[i + 1]`, so
/// `labels[0]` is never a target.
///
/// @param ids token ids
/// @param labels as long as `ids`; the same array where every token is a target
@SuppressWarnings("ArrayRecordComponent") // never compared; equality by identity is what we want
public record Sample(int[] ids, int[] labels) {
  /// The label of a token without loss, PyTorch's `ignore_index`.
  public static final int IGNORE = -100;

  public Sample {
    if (ids.length != labels.length) {
      throw new IllegalArgumentException(ids.length + " ids but " + labels.length + " labels");
    }
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

  /// The first `length` tokens, or this if it is no longer than that.
  public Sample truncated(int length) {
    if (ids.length <= length) {
      return this;
    }
    int[] head = Arrays.copyOf(ids, length);
    return new Sample(head, labels == ids ? head : Arrays.copyOf(labels, length));
  }
}
