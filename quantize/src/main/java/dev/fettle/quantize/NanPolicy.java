package dev.fettle.quantize;

/// What happens to a NaN or infinity among the weights.
public enum NanPolicy {
  /// One sentence naming the tensor and the index, and nothing is written.
  REFUSE,
  /// It counts as zero.
  ZERO;

  /// As on the command line: `refuse`, `zero`.
  public static NanPolicy parse(String text) {
    return switch (text) {
      case "refuse" -> REFUSE;
      case "zero" -> ZERO;
      default ->
          throw new dev.fettle.tensor.UserException(
              "--nan-policy is refuse or zero, not '" + text + "'.");
    };
  }
}
