package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import dev.fettle.tensor.UserException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// The rotary embeddings of a model as a GGUF file can say them.
///
/// @param main of the layers without a window in llama.cpp
/// @param local of those with one, if they have another; else null
record GgufRotary(GgufFamily family, Rotary main, @Nullable Rotary local, int positions) {
  /// llama.cpp's ramp of YaRN; other ones need divisors.
  private static final double BETA_FAST = 32;

  private static final double BETA_SLOW = 1;

  /// Low and high factor and original length of Llama 3's scaling, which its tensor of divisors
  /// does not always determine; readers other than Fettle ignore it.
  private static final String LLAMA3 = "fettle.rope_scaling.llama3";

  /// @throws UserException if llama.cpp cannot compute them
  static GgufRotary of(GgufFamily family, ModelConfig config, GgufWindows windows, String source) {
    @Nullable Rotary main = first(config, windows, false);
    @Nullable Rotary local =
        family.has(GgufTrait.LOCAL_ROTARY) ? first(config, windows, true) : null;
    if (main == null) {
      throw refuse(source, "has no rotary embeddings");
    }
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      Rotary ofLayer = local != null && windows.slides(layer) ? local : main;
      @Nullable Rotary expected = family.rotates(layer) ? ofLayer : null;
      if (!Objects.equals(config.layers().get(layer).rotary(), expected)) {
        throw refuse(
            source,
            expected == null
                ? "rotates queries and keys in layer %d, which llama.cpp does not for this architecture"
                    .formatted(layer)
                : "has layers with other rotary embeddings or windows than this architecture has in llama.cpp (layer %d)"
                    .formatted(layer));
      }
    }
    if (main.dims() != config.headDim() && !family.has(GgufTrait.PARTIAL_ROTARY)) {
      throw refuse(source, "rotates only " + main.dims() + " numbers of each head");
    }
    GgufRotary rotary = new GgufRotary(family, main, local, windows.contextLength());
    rotary.refuseScaling(source);
    return rotary;
  }

  private static @Nullable Rotary first(ModelConfig config, GgufWindows windows, boolean slides) {
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      @Nullable Rotary rotary = config.layers().get(layer).rotary();
      if (rotary != null && windows.slides(layer) == slides) {
        return rotary;
      }
    }
    return null;
  }

  private void refuseScaling(String source) {
    boolean divisors =
        family.has(GgufTrait.DIVISORS) || family.has(GgufTrait.SHORT_AND_LONG_DIVISORS);
    boolean possible =
        switch (main.scaling()) {
          case null -> true;
          case RopeScaling.Linear linear -> true;
          case RopeScaling.Dynamic dynamic -> true;
          case RopeScaling.Llama3 llama3 -> divisors;
          case RopeScaling.Yarn yarn -> divisors || (isUsual(yarn) && local == null);
          case RopeScaling.Longrope longrope -> family.has(GgufTrait.SHORT_AND_LONG_DIVISORS);
        };
    if (!possible || (local != null && local.scaling() != null)) {
      throw refuse(
          source,
          "scales its rotary embeddings in a way that llama.cpp does not know for architecture "
              + family.architecture());
    }
  }

  private static UserException refuse(String source, String what) {
    return new UserException(
        "Model %s %s, so llama.cpp cannot compute it; use it as a Hugging Face folder."
            .formatted(source, what));
  }

  private static boolean isUsual(RopeScaling.Yarn yarn) {
    return yarn.betaFast() == BETA_FAST && yarn.betaSlow() == BETA_SLOW && yarn.truncate();
  }

  /// What YaRN multiplies cosines and sines with by itself. Section 3.4 of arXiv:2309.00071.
  private static double usualAttention(double factor) {
    return factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1;
  }

  void write(GgufKeys keys, GgufMetadata metadata) {
    metadata.put(keys.freqBase(), GgufValue.f32(main.theta()));
    if (local != null) {
      metadata.put(keys.freqBaseSliding(), GgufValue.f32(local.theta()));
    }
    metadata.put(keys.dimensionCount(), GgufValue.u32(main.dims()));
    switch (main.scaling()) {
      case null -> {}
      case RopeScaling.Dynamic dynamic -> {}
      case RopeScaling.Linear linear -> {
        metadata.put(keys.scalingType(), "linear");
        metadata.put(keys.scalingFactor(), GgufValue.f32(linear.factor()));
      }
      case RopeScaling.Llama3 llama3 -> {
        metadata.put(
            LLAMA3,
            GgufValue.floats(
                (float) llama3.lowFreqFactor(),
                (float) llama3.highFreqFactor(),
                llama3.originalMaxPositionEmbeddings()));
      }
      case RopeScaling.Yarn yarn -> write(yarn, keys, metadata);
      case RopeScaling.Longrope longrope -> {
        if (family.has(GgufTrait.DIVISORS)) { // Phi-3 in llama.cpp has it without saying so
          metadata.put(keys.scalingType(), "longrope");
        }
        metadata.put(
            keys.originalContext(), GgufValue.u32(longrope.originalMaxPositionEmbeddings()));
        metadata.put(keys.scalingAttention(), GgufValue.f32(longrope.attentionFactor()));
      }
    }
  }

  private void write(RopeScaling.Yarn yarn, GgufKeys keys, GgufMetadata metadata) {
    double attention = yarn.attentionFactor();
    if (isUsual(yarn)) {
      metadata.put(keys.scalingType(), "yarn");
      metadata.put(keys.scalingFactor(), GgufValue.f32(yarn.factor()));
      metadata.put(keys.originalContext(), GgufValue.u32(yarn.originalMaxPositionEmbeddings()));
      attention /= usualAttention(yarn.factor());
    }
    if ((float) attention != 1) {
      metadata.put(keys.scalingAttention(), GgufValue.f32(attention));
    }
  }

  /// The tensors of divisors by their names in the file.
  SequencedMap<String, float[]> tensors() {
    return switch (main.scaling()) {
      case null -> new LinkedHashMap<>();
      case RopeScaling.Linear linear -> new LinkedHashMap<>();
      case RopeScaling.Dynamic dynamic -> new LinkedHashMap<>();
      case RopeScaling.Llama3 llama3 -> same(RopeFactors.of(llama3, main.theta(), main.dims()));
      case RopeScaling.Yarn yarn ->
          isUsual(yarn)
              ? new LinkedHashMap<>()
              : same(RopeFactors.of(yarn, main.theta(), main.dims()));
      case RopeScaling.Longrope longrope ->
          shortAndLong(
              RopeFactors.floats(longrope.shortFactor()),
              RopeFactors.floats(longrope.longFactor()));
    };
  }

  private SequencedMap<String, float[]> same(float[] factors) {
    if (!family.has(GgufTrait.DIVISORS)) {
      return shortAndLong(factors, factors);
    }
    SequencedMap<String, float[]> tensors = new LinkedHashMap<>();
    tensors.put(GgufFamily.ROPE_FACTORS, factors);
    return tensors;
  }

  private static SequencedMap<String, float[]> shortAndLong(float[] ofShort, float[] ofLong) {
    SequencedMap<String, float[]> tensors = new LinkedHashMap<>();
    tensors.put(GgufFamily.LONG_FACTORS, ofLong);
    tensors.put(GgufFamily.SHORT_FACTORS, ofShort);
    return tensors;
  }

  /// How a layer of a file attends.
  LayerAttention layer(int layer, @Nullable Integer window) {
    Rotary ofLayer = local != null && window != null ? local : main;
    return new LayerAttention(window, family.rotates(layer) ? ofLayer : null);
  }

  /// @param factors numbers of the tensors of divisors, by name
  /// @throws UserException if the scaling is not supported
  static GgufRotary read(
      GgufFamily family,
      GgufKeys keys,
      int headDim,
      Map<String, float[]> factors,
      GgufMetadata metadata) {
    int positions = metadata.requiredPositive(keys.contextLength());
    double theta = GgufConfig.decimal(metadata.number(keys.freqBase(), 10_000));
    int dims =
        metadata.has(keys.dimensionCount())
            ? metadata.requiredPositive(keys.dimensionCount())
            : headDim;
    boolean partial = dims < headDim && !family.has(GgufTrait.PARTIAL_ROTARY);
    if (partial || dims > headDim || dims % 2 != 0 || !(theta > 0) || Double.isInfinite(theta)) {
      throw new UserException(
          "Model %s rotates %d numbers of heads of width %d with base %s, which is not supported."
              .formatted(metadata.source(), dims, headDim, theta));
    }
    @Nullable RopeScaling scaling =
        new Reader(keys, factors, metadata, theta, dims, positions).scaling();
    @Nullable Rotary local =
        family.has(GgufTrait.LOCAL_ROTARY)
            ? new Rotary(
                headDim, GgufConfig.decimal(metadata.number(keys.freqBaseSliding(), 10_000)), null)
            : null;
    return new GgufRotary(family, new Rotary(dims, theta, scaling), local, positions);
  }

  /// Reads the scaling of a file.
  private record Reader(
      GgufKeys keys,
      Map<String, float[]> factors,
      GgufMetadata metadata,
      double theta,
      int dims,
      int positions) {

    @Nullable RopeScaling scaling() {
      @Nullable String type = metadata.text(keys.scalingType());
      float @Nullable [] ofAll = factors.get(GgufFamily.ROPE_FACTORS);
      float @Nullable [] ofShort = factors.get(GgufFamily.SHORT_FACTORS);
      float @Nullable [] ofLong = factors.get(GgufFamily.LONG_FACTORS);
      double attention = GgufConfig.decimal(metadata.number(keys.scalingAttention(), 1));
      if (ofShort != null && ofLong != null) {
        return longrope(ofShort, ofLong, attention);
      }
      double factor =
          "none".equals(type)
              ? 1
              : GgufConfig.decimal(
                  metadata.number(keys.scalingFactor(), metadata.number(keys.scaleLinear(), 1)));
      if (type != null && !type.equals("none") && !type.equals("linear") && !type.equals("yarn")) {
        throw new UserException(
            "RoPE scaling '%s' in %s is not supported yet; supported: none, linear, yarn, and divisors of frequencies."
                .formatted(type, metadata.source()));
      }
      if (ofAll != null) {
        return divided(ofAll, factor, attention);
      }
      if ("yarn".equals(type)) {
        double usual = usualAttention(factor);
        double product = attention == 1 ? usual : rounded(attention * usual);
        return new RopeScaling.Yarn(factor, product, BETA_FAST, BETA_SLOW, true, original());
      }
      @Nullable RopeScaling linear =
          factor == 1 || factor == 0 ? null : new RopeScaling.Linear(factor);
      return attention == 1 ? linear : scaled(constant(factor == 0 ? 1 : factor), attention);
    }

    /// To the digits that float32 holds.
    private static double rounded(double value) {
      return new BigDecimal(value).round(new MathContext(7)).doubleValue();
    }

    private int original() {
      return metadata.has(keys.originalContext())
          ? metadata.requiredPositive(keys.originalContext())
          : positions;
    }

    private RopeScaling longrope(float[] ofShort, float[] ofLong, double attention) {
      RopeFactors.check(ofShort, GgufFamily.SHORT_FACTORS, dims, metadata.source());
      RopeFactors.check(ofLong, GgufFamily.LONG_FACTORS, dims, metadata.source());
      return new RopeScaling.Longrope(
          RopeFactors.decimals(ofShort),
          RopeFactors.decimals(ofLong),
          (float) attention == (float) usualLongrope() ? usualLongrope() : attention,
          original());
    }

    /// Its float32 number is in most files. Source: transformers, `modeling_rope_utils.py`.
    private double usualLongrope() {
      double factor = (double) positions / original();
      return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original()));
    }

    private RopeScaling scaled(float[] factors, double attention) {
      return longrope(factors, factors, attention);
    }

    private float[] constant(double factor) {
      float[] factors = new float[dims / 2];
      Arrays.fill(factors, (float) factor);
      return factors;
    }

    private @Nullable RopeScaling divided(float[] ofAll, double factor, double attention) {
      if (factor != 1) {
        throw new UserException(
            "Model %s scales rotary frequencies both linearly and by '%s', which is not supported."
                .formatted(metadata.source(), GgufFamily.ROPE_FACTORS));
      }
      @Nullable RopeScaling recovered =
          RopeFactors.recover(ofAll, knownLlama3(ofAll), theta, dims, positions, metadata.source());
      return attention == 1 ? recovered : scaled(ofAll, attention);
    }

    private RopeScaling.@Nullable Llama3 knownLlama3(float[] factors) {
      GgufValue.@Nullable Numbers noted = metadata.numbers(LLAMA3);
      if (noted == null || noted.size() != 3 || noted.elementType() != GgufValueType.F32) {
        return null;
      }
      return new RopeScaling.Llama3(
          RopeFactors.largest(factors),
          GgufConfig.decimal(noted.doubleAt(0)),
          GgufConfig.decimal(noted.doubleAt(1)),
          (int) noted.doubleAt(2));
    }
  }
}
