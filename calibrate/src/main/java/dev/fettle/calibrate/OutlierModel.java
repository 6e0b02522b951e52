package dev.fettle.calibrate;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Gives a model activation outliers without changing what it computes: some channels of each norm
/// are multiplied by a power of two, and the columns of the linear layers that read them are
/// divided by it. Multiplying by a power of two is exact, so the float logits keep every bit.
///
/// Large models have such channels by nature (Dettmers et al. 2022, arXiv:2208.07339, section 3);
/// small ones do not, and so cannot show what an algorithm does against them.
public final class OutlierModel {
  private static final Pattern NORM =
      Pattern.compile("(model\\.layers\\.\\d+)\\.(input|post_attention)_layernorm\\.weight");
  private static final Pattern READER =
      Pattern.compile(
          "(model\\.layers\\.\\d+)\\.(?:self_attn\\.(q|k|v|qkv)_proj|mlp\\.(?:gate|up|gate_up)_proj)\\.weight");

  private OutlierModel() {}

  /// What to change.
  ///
  /// @param channels of each norm, at least 1
  /// @param exponent the channels grow by 2^exponent, 1 to 10
  /// @param seed of the choice; each norm has channels of its own
  public record Options(int channels, int exponent, long seed) {
    public Options {
      if (channels < 1 || exponent < 1 || exponent > 10) {
        throw new UserException(
            "Outliers need 1 or more channels and an exponent from 1 to 10, not %d and %d."
                .formatted(channels, exponent));
      }
    }
  }

  /// Four channels of each norm, 64 times as large.
  public static Options defaults() {
    return new Options(4, 6, 7);
  }

  /// @param model a folder with unquantized weights
  /// @param output a folder that does not exist yet
  /// @throws UserException if the model is quantized or a Gemma, or the output cannot be written
  public static void write(Path model, Path output, Options options) {
    try (Checkpoint source = Checkpoint.open(model)) {
      if (source.quantizationConfig() != null) {
        throw new UserException("Model " + model + " is quantized; outliers need plain weights.");
      }
      if (source.config().norms().onePlusWeight()) {
        throw new UserException(
            "Model %s has gains of 1 + weight, which outliers would round; take a model of another family."
                .formatted(model));
      }
      List<TensorInfo> plan = new ArrayList<>(source.infos().values());
      try (CheckpointWriter writer =
          CheckpointWriter.create(output, source.configJson(), plan, source.companions())) {
        for (TensorInfo info : plan) {
          try (Arena arena = Arena.ofShared()) {
            writer.write(info.name(), changed(source.tensor(info.name()), info, options, arena));
          }
        }
        writer.commit();
      }
    }
  }

  private static HostTensor changed(
      HostTensor tensor, TensorInfo info, Options options, Arena arena) {
    Matcher norm = NORM.matcher(info.name());
    if (norm.matches()) {
      boolean[] chosen = chosen(norm.group(1), norm.group(2).equals("input"), tensor, options);
      return scaled(tensor, chosen, (float) (1 << options.exponent()), arena);
    }
    Matcher reader = READER.matcher(info.name());
    if (reader.matches()) {
      boolean[] chosen = chosen(reader.group(1), reader.group(2) != null, tensor, options);
      return scaled(tensor, chosen, 1f / (1 << options.exponent()), arena);
    }
    return tensor;
  }

  private static boolean[] chosen(
      String layer, boolean attention, HostTensor tensor, Options options) {
    int features = Math.toIntExact(tensor.shape().dim(-1));
    Random random = new Random(options.seed() * 31 + (layer + attention).hashCode());
    boolean[] chosen = new boolean[features];
    for (int left = Math.min(options.channels(), features); left > 0; ) {
      int channel = random.nextInt(features);
      left -= chosen[channel] ? 0 : 1;
      chosen[channel] = true;
    }
    return chosen;
  }

  private static HostTensor scaled(
      HostTensor tensor, boolean[] columns, float factor, Arena arena) {
    MemorySegment floats = arena.allocate(4 * tensor.elements(), 64);
    Casts.toFloat(tensor, floats);
    for (long i = 0; i < tensor.elements(); i++) {
      if (columns[(int) (i % columns.length)]) {
        float value = floats.get(HostTensor.F32_LAYOUT, 4 * i);
        floats.set(HostTensor.F32_LAYOUT, 4 * i, value * factor);
      }
    }
    if (tensor.dtype() == DType.F32) {
      return new HostTensor(DType.F32, tensor.shape(), floats);
    }
    MemorySegment out = arena.allocate(tensor.byteSize(), 64);
    Casts.fromFloat(floats, tensor.elements(), tensor.dtype(), out);
    return new HostTensor(tensor.dtype(), tensor.shape(), out);
  }
}
