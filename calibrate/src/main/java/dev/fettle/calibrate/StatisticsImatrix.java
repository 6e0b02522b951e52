package dev.fettle.calibrate;

import dev.fettle.checkpoint.gguf.GgufFamily;
import dev.fettle.quantize.ggml.Imatrix;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Activation statistics as an importance matrix for llama.cpp's formats: of each linear layer of
/// the blocks the sum of squares of every input channel. The output layer is not in it, as
/// `llama-imatrix` leaves it out.
public final class StatisticsImatrix {
  private StatisticsImatrix() {}

  /// @param statistics of a model whose blocks have a counterpart in llama.cpp; layers without one
  ///   are left out
  public static Imatrix of(ActivationStatistics statistics) {
    TreeMap<String, Imatrix.Entry> entries = new TreeMap<>();
    for (LayerStatistics layer : statistics.layers().values()) {
      @Nullable String name = GgufFamily.linearWeight(layer.path() + ".weight");
      if (name != null && name.startsWith("blk.")) {
        entries.put(name, entry(layer.channels()));
      }
    }
    int chunkSize = 0;
    long chunks = 0;
    Set<String> datasets = new LinkedHashSet<>();
    for (ActivationStatistics.Run run : statistics.runs()) {
      chunkSize = Math.max(chunkSize, run.seqLength());
      chunks += run.samples();
      datasets.add(run.data());
    }
    return new Imatrix(
        "of " + statistics.model().path(),
        List.copyOf(datasets),
        Math.toIntExact(chunks),
        chunkSize,
        entries);
  }

  private static Imatrix.Entry entry(ChannelStatistics channels) {
    double[] squares = channels.squareSum();
    float[] sums = new float[squares.length];
    for (int i = 0; i < sums.length; i++) {
      sums[i] = (float) squares[i];
    }
    return new Imatrix.Entry(sums, new float[] {channels.tokens()});
  }
}
