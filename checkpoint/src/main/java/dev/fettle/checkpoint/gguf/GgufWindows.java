package dev.fettle.checkpoint.gguf;

import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.RopeScaling;
import dev.fettle.checkpoint.Rotary;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The sliding windows of a model as a GGUF file can say them. llama.cpp knows windows on all but
/// the last layer of each period, and those in Gemma 2 and 3 only; where a model's are others, the
/// file's context ends where they would begin to matter.
///
/// @param key the value of `attention.sliding_window`, or null for no such key; where llama.cpp
///   does not read it, it is for other readers
/// @param period of the layers with a window in llama.cpp; 0 if it gives none a window
/// @param contextLength the positions in which llama.cpp computes what the model does
/// @param notes sentences for the user about a shorter context
record GgufWindows(@Nullable Integer key, int period, int contextLength, List<String> notes) {

  static GgufWindows of(GgufFamily family, ModelConfig config) {
    List<Integer> windows =
        config.layers().stream().map(LayerAttention::window).filter(Objects::nonNull).toList();
    int period = windows.isEmpty() ? 0 : period(family, config);
    List<String> notes = new ArrayList<>();
    int context = config.maxPositionEmbeddings();
    if (period == 0) {
      int smallest = windows.stream().mapToInt(Integer::intValue).min().orElse(context);
      context = shorter(context, smallest, "sliding windows like this model's", notes);
    }
    context = shorter(context, undisturbed(config), "dynamic RoPE scaling", notes);
    return new GgufWindows(
        key(family, windows, period, context), period, context, List.copyOf(notes));
  }

  private static int shorter(int context, int limit, String what, List<String> notes) {
    if (limit >= context) {
      return context;
    }
    notes.add(
        "llama.cpp has no %s, so the file says a context of %d tokens, within which it computes the same."
            .formatted(what, limit));
    return limit;
  }

  /// The length up to which dynamic scaling does nothing.
  private static int undisturbed(ModelConfig config) {
    int length = Integer.MAX_VALUE;
    for (LayerAttention layer : config.layers()) {
      @Nullable Rotary rotary = layer.rotary();
      if (rotary != null && rotary.scaling() instanceof RopeScaling.Dynamic dynamic) {
        length = Math.min(length, dynamic.maxPositionEmbeddings());
      }
    }
    return length;
  }

  /// Gemma 2 always has windows in llama.cpp: one as long as the context does nothing. Phi-3's file
  /// says 0 for none.
  private static @Nullable Integer key(
      GgufFamily family, List<Integer> windows, int period, int context) {
    return switch (family) {
      case GEMMA_2 -> period == 0 ? Integer.valueOf(context) : windows.getFirst();
      case GEMMA_3 -> period == 0 ? null : windows.getFirst();
      case PHI3 -> windows.isEmpty() ? Integer.valueOf(0) : windows.getFirst();
      case LLAMA, QWEN2, QWEN3, GEMMA_1, SMOLLM3, GRANITE ->
          windows.isEmpty() ? null : windows.getFirst();
    };
  }

  /// The period of windows, or 0 if llama.cpp cannot have them. At least one layer must be without:
  /// llama.cpp stops at a model that has windows only.
  private static int period(GgufFamily family, ModelConfig config) {
    if (family.windowPeriod() == 0) {
      return 0;
    }
    if (fits(config, family.windowPeriod())) {
      return family.windowPeriod();
    }
    for (int period = 2; period <= config.numHiddenLayers(); period++) {
      if (fits(config, period)) {
        return period;
      }
    }
    return 0;
  }

  private static boolean fits(ModelConfig config, int period) {
    @Nullable Integer window = config.layers().getFirst().window();
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      @Nullable Integer expected = slides(layer, period) ? window : null;
      if (!Objects.equals(config.layers().get(layer).window(), expected)) {
        return false;
      }
    }
    return config.numHiddenLayers() >= period;
  }

  /// Whether a layer has a window in llama.cpp.
  boolean slides(int layer) {
    return slides(layer, period);
  }

  private static boolean slides(int layer, int period) {
    return period != 0 && layer % period < period - 1;
  }

  void write(GgufFamily family, GgufKeys keys, ModelConfig config, GgufMetadata metadata) {
    if (key == null) {
      return;
    }
    metadata.put(keys.slidingWindow(), GgufValue.u32(key));
    if (period != 0 && period != family.windowPeriod()) {
      metadata.put(keys.slidingWindowPattern(), GgufValue.u32(period));
    }
    if (family.windowPeriod() == 0 && !config.attendsEverywhere() && someAreFull(config)) {
      metadata.put(
          keys.slidingWindowPattern(),
          GgufValue.ints(
              config.layers().stream()
                  .mapToInt(layer -> layer.window() == null ? 0 : 1)
                  .toArray()));
    }
  }

  private static boolean someAreFull(ModelConfig config) {
    return config.layers().stream().anyMatch(layer -> layer.window() == null);
  }

  /// The window of every layer of a file, or null. In Gemma 2 one as long as the context is none.
  static List<@Nullable Integer> read(
      GgufFamily family, GgufKeys keys, int layers, GgufMetadata metadata) {
    @Nullable Integer window = metadata.whole(keys.slidingWindow());
    if (family == GgufFamily.GEMMA_2) {
      int given = window == null ? 4096 : window;
      window = metadata.requiredPositive(keys.contextLength()) == given ? null : given;
    }
    List<@Nullable Integer> windows = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      boolean slides = window != null && window > 0 && slides(family, keys, layer, metadata);
      windows.add(slides ? window : null);
    }
    return windows;
  }

  private static boolean slides(
      GgufFamily family, GgufKeys keys, int layer, GgufMetadata metadata) {
    String key = keys.slidingWindowPattern();
    if (metadata.get(key) instanceof GgufValue.Numbers) {
      GgufValue.@Nullable Numbers listed = metadata.numbers(key);
      return listed == null || layer >= listed.size() || listed.doubleAt(layer) != 0;
    }
    if (family.windowPeriod() == 0) {
      return true;
    }
    int period = metadata.has(key) ? metadata.requiredPositive(key) : family.windowPeriod();
    return slides(layer, period);
  }
}
