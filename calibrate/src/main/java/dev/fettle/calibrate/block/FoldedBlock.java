package dev.fettle.calibrate.block;

import dev.fettle.calibrate.block.BlockResult.Fold;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.model.Linear;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;

/// A block whose weights are being rescaled without a change of what it computes: the inputs of
/// some layers are divided by a scale per channel, in the norm or the layer before them, and the
/// columns of their weights are multiplied by it.
public final class FoldedBlock {
  private final BlockData data;
  private final Checkpoint checkpoint;
  private final SequencedMap<InputGroup, InputMoments> moments;
  private final Map<Linear, HostTensor> weights = new HashMap<>();
  private final Map<String, HostTensor> norms = new LinkedHashMap<>();
  private final Map<String, Fold> folds = new LinkedHashMap<>();

  /// @param moments of all groups of the block; they follow the rescaling
  public FoldedBlock(BlockData data, SequencedMap<InputGroup, InputMoments> moments) {
    this.data = data;
    this.checkpoint = data.checkpoint();
    this.moments = moments;
    for (InputGroup group : data.groups()) {
      group.linears().forEach(linear -> weights.put(linear, data.weight(linear)));
    }
  }

  /// The weight as it now is, float32; what is folded next changes it in place.
  public HostTensor weight(Linear linear) {
    HostTensor weight = weights.get(linear);
    if (weight == null) {
      throw new IllegalArgumentException("block has no layer " + linear.path());
    }
    return weight;
  }

  /// Second moments of a group's inputs as they now are.
  public InputMoments moments(InputGroup group) {
    InputMoments found = moments.get(group);
    if (found == null) {
      throw new IllegalArgumentException("no inputs of " + group);
    }
    return found;
  }

  /// The changed norms by name, in their stored dtype.
  public Map<String, HostTensor> norms() {
    return norms;
  }

  /// What each changed weight was multiplied by.
  public Map<String, Fold> folds() {
    return folds;
  }

  /// Divides the inputs of a group by `scales`, in the norm before it. The norm's new weight is
  /// rounded to its stored dtype; the columns are multiplied by what the division by the rounded
  /// weight really was, so that the product is the same but for float32 rounding.
  ///
  /// @param group the layers behind a norm: ATTENTION or FEED_FORWARD
  /// @param scales positive, one per channel
  public void intoNorm(InputGroup group, float[] scales) {
    String name = normName(group);
    HostTensor stored = norms.getOrDefault(name, checkpoint.tensor(name));
    float[] before = stored.toFloats();
    float[] wanted = new float[before.length];
    for (int j = 0; j < before.length; j++) {
      wanted[j] = before[j] / scales[j];
    }
    MemorySegment rounded = data.arena().allocate(stored.byteSize(), 64);
    Casts.fromFloat(MemorySegment.ofArray(wanted), wanted.length, stored.dtype(), rounded);
    HostTensor norm = new HostTensor(stored.dtype(), stored.shape(), rounded);
    float[] after = norm.toFloats();
    float[] real = new float[before.length];
    for (int j = 0; j < real.length; j++) {
      boolean usable = after[j] != 0 && before[j] != 0 && Float.isFinite(after[j]);
      real[j] = usable ? before[j] / after[j] : 1;
      if (!usable) {
        set(norm, j, before[j]);
      }
    }
    norms.put(name, norm);
    multiplyColumns(group, real);
  }

  private static void set(HostTensor tensor, int index, float value) {
    int width = tensor.dtype().bytes();
    Casts.fromFloat(
        MemorySegment.ofArray(new float[] {value}),
        1,
        tensor.dtype(),
        tensor.data().asSlice((long) index * width, width));
  }

  private static String normName(InputGroup group) {
    String path = group.first().path();
    return switch (group.kind()) {
      case ATTENTION -> path.substring(0, path.indexOf("self_attn.")) + "input_layernorm.weight";
      case FEED_FORWARD ->
          path.substring(0, path.indexOf("mlp.")) + "post_attention_layernorm.weight";
      case ATTENTION_OUTPUT, FEED_FORWARD_OUTPUT ->
          throw new IllegalArgumentException("no norm stands before " + path);
    };
  }

  /// Divides the inputs of a group by `scales`, in the rows of the layer before it.
  ///
  /// @param before the layer whose outputs, channel by channel, are proportional to the inputs
  public void intoLinear(Linear before, InputGroup group, float[] scales) {
    float[] inverse = new float[scales.length];
    for (int j = 0; j < scales.length; j++) {
      inverse[j] = 1 / scales[j];
    }
    HostTensor weight = weight(before);
    scale(weight, inverse, ones(weight.shape().dim(1)));
    remember(before, inverse, ones(weight.shape().dim(1)));
    multiplyColumns(group, scales);
  }

  private void multiplyColumns(InputGroup group, float[] scales) {
    for (Linear linear : group.linears()) {
      HostTensor weight = weight(linear);
      float[] rows = ones(weight.shape().dim(0));
      scale(weight, rows, scales);
      remember(linear, rows, scales);
    }
    moments(group).divide(scales);
  }

  private static float[] ones(long count) {
    float[] ones = new float[Math.toIntExact(count)];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static void scale(HostTensor weight, float[] rows, float[] columns) {
    for (int row = 0; row < rows.length; row++) {
      for (int column = 0; column < columns.length; column++) {
        long at = 4 * ((long) row * columns.length + column);
        float value = weight.data().get(HostTensor.F32_LAYOUT, at);
        weight.data().set(HostTensor.F32_LAYOUT, at, value * rows[row] * columns[column]);
      }
    }
  }

  private void remember(Linear linear, float[] rows, float[] columns) {
    Fold before = folds.get(linear.path());
    folds.put(
        linear.path(),
        before == null
            ? new Fold(rows.clone(), columns.clone())
            : new Fold(product(rows, before.rows()), product(columns, before.columns())));
  }

  private static float[] product(float[] a, float[] b) {
    float[] product = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      product[i] = a[i] * b[i];
    }
    return product;
  }
}
