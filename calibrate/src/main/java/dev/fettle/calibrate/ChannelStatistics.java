package dev.fettle.calibrate;

import java.util.stream.IntStream;

/// What is remembered of each input channel of a linear layer: what AWQ, SmoothQuant and an
/// importance matrix are made of.
public final class ChannelStatistics {
  /// A channel with a magnitude of this is computed in 16 bits by LLM.int8 (Dettmers et al. 2022,
  /// arXiv:2208.07339, section 3.2).
  public static final float OUTLIER = 6;

  private final float[] absMax;
  private final double[] absSum;
  private final double[] squareSum;
  private long tokens;

  ChannelStatistics(int channels) {
    this(0, new float[channels], new double[channels], new double[channels]);
  }

  /// @param absSum sums of magnitudes over the tokens
  /// @param squareSum sums of squares over the tokens
  ChannelStatistics(long tokens, float[] absMax, double[] absSum, double[] squareSum) {
    if (absMax.length != absSum.length || absMax.length != squareSum.length) {
      throw new IllegalArgumentException("channels differ in number");
    }
    this.tokens = tokens;
    this.absMax = absMax;
    this.absSum = absSum;
    this.squareSum = squareSum;
  }

  /// Adds one number of channel `channel`; each channel by one thread at a time.
  void add(int channel, float value) {
    float magnitude = Math.abs(value);
    absMax[channel] = Math.max(absMax[channel], magnitude);
    absSum[channel] += magnitude;
    squareSum[channel] += (double) value * value;
  }

  void addTokens(long count) {
    tokens += count;
  }

  void merge(ChannelStatistics other) {
    tokens += other.tokens;
    for (int i = 0; i < absMax.length; i++) {
      absMax[i] = Math.max(absMax[i], other.absMax[i]);
      absSum[i] += other.absSum[i];
      squareSum[i] += other.squareSum[i];
    }
  }

  public int channels() {
    return absMax.length;
  }

  /// Numbers seen of each channel.
  public long tokens() {
    return tokens;
  }

  /// Largest magnitude of each channel.
  public float[] absMax() {
    return absMax.clone();
  }

  /// Sum of squares of each channel.
  public double[] squareSum() {
    return squareSum.clone();
  }

  /// Mean magnitude of each channel; 0 without tokens.
  public double[] meanAbs() {
    return means(absSum);
  }

  /// Mean square of each channel; 0 without tokens.
  public double[] meanSquare() {
    return means(squareSum);
  }

  private double[] means(double[] sums) {
    double[] means = sums.clone();
    for (int i = 0; i < means.length; i++) {
      means[i] /= Math.max(1, tokens);
    }
    return means;
  }

  /// Channels in which a magnitude reaches `threshold`.
  public int[] outliers(float threshold) {
    return IntStream.range(0, absMax.length).filter(i -> absMax[i] >= threshold).toArray();
  }
}
