package dev.fettle.evaluate;

import dev.fettle.model.CausalLm;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Sample;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// How well a model predicts a text: `exp` of the mean negative log-likelihood of its tokens.
///
/// The token ids are cut into windows of `seqLength` that begin `stride` apart; the last ends with
/// the text. Within a window only tokens that no earlier window has scored count, and the first
/// token of a window is context only, so with `stride = seqLength` each window scores `seqLength −
/// 1` tokens. Every scored token weighs the same. This is the sliding-window recipe of the
/// transformers documentation ("Perplexity of fixed-length models"), but for its weighting of
/// windows.
public final class Perplexity {
  /// Tokens computed at a time.
  private static final int BATCH_TOKENS = 2048;

  private Perplexity() {}

  /// @param seqLength tokens of a window
  /// @param stride tokens between the starts of windows, at most `seqLength`
  /// @param maxTokens of the text, from its start; 0 is all
  public record Options(int seqLength, int stride, int maxTokens) {
    /// @throws UserException if a value is out of range
    public Options {
      if (seqLength < 2) {
        throw new UserException("--seq-length must be 2 or more, not " + seqLength + ".");
      }
      if (stride < 1 || stride > seqLength) {
        throw new UserException(
            "--stride must be between 1 and the sequence length %d, not %d."
                .formatted(seqLength, stride));
      }
    }
  }

  /// @param meanLoss in nats
  /// @param tokens scored
  /// @param windows computed
  public record Result(double perplexity, double meanLoss, long tokens, int windows) {}

  /// Told how many windows are done.
  public interface Progress {
    void windows(int done, int total);
  }

  /// @param ids the whole text, special tokens included
  /// @throws UserException if the text has fewer than two tokens, or a window is longer than the
  ///   model allows
  public static Result of(CausalLm model, int[] ids, Options options, Progress progress) {
    int limit = model.maxLength();
    if (options.seqLength() > limit) {
      throw new UserException(
          "--seq-length %d is longer than the %d positions of the model; shorten it."
              .formatted(options.seqLength(), limit));
    }
    int[] text =
        options.maxTokens() > 0
            ? Arrays.copyOf(ids, Math.min(ids.length, options.maxTokens()))
            : ids;
    if (text.length < 2) {
      throw new UserException(
          "The text has " + text.length + " tokens; perplexity needs two or more.");
    }
    List<Window> windows = windows(text.length, options);
    double sum = 0;
    long count = 0;
    int done = 0;
    while (done < windows.size()) {
      List<Window> batch = batch(windows, done, options);
      for (float loss : losses(model, text, batch)) {
        sum += loss;
        count++;
      }
      done += batch.size();
      progress.windows(done, windows.size());
    }
    double mean = sum / count;
    if (Double.isNaN(mean)) {
      throw new UserException(
          "The loss is not a number: a weight of the model is NaN or too large; 'fettle doctor MODEL --deep' finds it.");
    }
    return new Result(Math.exp(mean), mean, count, windows.size());
  }

  /// Tokens `begin` to `end`, of which those from `firstTarget` on are scored.
  private record Window(int begin, int end, int firstTarget) {
    int length() {
      return end - begin;
    }
  }

  private static List<Window> windows(int length, Options options) {
    List<Window> windows = new ArrayList<>();
    int scored = 0;
    for (int begin = 0; scored < length; begin += options.stride()) {
      int end = Math.min(begin + options.seqLength(), length);
      int firstTarget = Math.max(scored, begin + 1);
      if (firstTarget < end) {
        windows.add(new Window(begin, end, firstTarget));
      }
      scored = end;
    }
    return windows;
  }

  /// The next windows of equal length that fit into one pass.
  private static List<Window> batch(List<Window> windows, int from, Options options) {
    int most = Math.max(1, BATCH_TOKENS / options.seqLength());
    int to = from + 1;
    while (to < windows.size()
        && to - from < most
        && windows.get(to).length() == windows.get(from).length()) {
      to++;
    }
    return windows.subList(from, to);
  }

  private static float[] losses(CausalLm model, int[] text, List<Window> batch) {
    int[][] ids = new int[batch.size()][];
    int[][] labels = new int[batch.size()][];
    for (int row = 0; row < ids.length; row++) {
      Window window = batch.get(row);
      ids[row] = Arrays.copyOfRange(text, window.begin(), window.end());
      labels[row] = ids[row].clone();
      Arrays.fill(labels[row], 0, window.firstTarget() - window.begin(), Sample.IGNORE);
    }
    return model.negativeLogLikelihoods(ids, labels);
  }
}
