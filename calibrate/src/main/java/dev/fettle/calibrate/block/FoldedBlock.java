package dev.fettle.calibrate.block;

import dev.fettle.calibrate.block.BlockResult.Fold;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Norms;
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
  private final Map<String, HostTensor> changed = new LinkedHashMap<>();
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

  /// The changed norms and biases by name, in their stored dtype.
  public Map<String, HostTensor> changed() {
    return changed;
  }

  /// What each changed weight was multiplied by.
  public Map<String, Fold> folds() {
    return folds;
  }

  /// Divides the inputs of a group by `scales`, in the norm before it. The norm's new weight is
  /// rounded to its stored dtype; the columns are multiplied by what the division of the gain by
  /// the rounded one really was, so that the product is the same but for float32 rounding.
  ///
  /// @param group the layers behind a norm: ATTENTION or FEED_FORWARD
  /// @param scales positive, one per channel
  public void intoNorm(InputGroup group, float[] scales) {
    String name = normName(group);
    HostTensor stored = changed.getOrDefault(name, checkpoint.tensor(name));
    float one = data.config().norms().onePlusWeight() ? 1 : 0;
    float[] before = stored.toFloats();
    float[] wanted = new float[before.length];
    for (int j = 0; j < before.length; j++) {
      wanted[j] = (one + before[j]) / scales[j] - one;
    }
    HostTensor norm = rounded(wanted, stored);
    float[] after = norm.toFloats();
    float[] real = new float[before.length];
    for (int j = 0; j < real.length; j++) {
      float gain = one + after[j];
      boolean usable = gain != 0 && one + before[j] != 0 && Float.isFinite(gain);
      real[j] = usable ? (one + before[j]) / gain : 1;
      if (!usable) {
        set(norm, j, before[j]);
      }
    }
    changed.put(name, norm);
    multiplyColumns(group, real);
  }

  private HostTensor rounded(float[] values, HostTensor like) {
    MemorySegment rounded = data.arena().allocate(like.byteSize(), 64);
    Casts.fromFloat(MemorySegment.ofArray(values), values.length, like.dtype(), rounded);
    return new HostTensor(like.dtype(), like.shape(), rounded);
  }

  private static void set(HostTensor tensor, int index, float value) {
    int width = tensor.dtype().bytes();
    Casts.fromFloat(
        MemorySegment.ofArray(new float[] {value}),
        1,
        tensor.dtype(),
        tensor.data().asSlice((long) index * width, width));
  }

  private String normName(InputGroup group) {
    String path = group.first().path();
    return switch (group.kind()) {
      case ATTENTION ->
          path.substring(0, path.indexOf("self_attn.")) + Norms.BEFORE_ATTENTION + ".weight";
      case FEED_FORWARD ->
          path.substring(0, path.indexOf("mlp."))
              + data.config().norms().beforeFeedForward()
              + ".weight";
      case ATTENTION_OUTPUT, FEED_FORWARD_OUTPUT ->
          throw new IllegalArgumentException("no norm stands before " + path);
    };
  }

  /// Divides the inputs of a group by `scales`, in the rows (and biases) of the layer before it.
  ///
  /// @param before as many rows as the group has inputs
  public void intoLinear(Producer before, InputGroup group, float[] scales) {
    HostTensor weight = weight(before.linear());
    float[] inverse = ones(weight.shape().dim(0));
    for (int j = 0; j < scales.length; j++) {
      inverse[before.first() + j] = 1 / scales[j];
    }
    float[] columns = ones(weight.shape().dim(1));
    scale(weight, inverse, columns);
    remember(before.linear(), inverse, columns);
    scaleBias(before.linear(), inverse);
    multiplyColumns(group, scales);
  }

  private void scaleBias(Linear linear, float[] factors) {
    String name = linear.path() + ".bias";
    if (!checkpoint.infos().containsKey(name)) {
      return;
    }
    HostTensor stored = changed.getOrDefault(name, checkpoint.tensor(name));
    float[] scaled = stored.toFloats();
    for (int j = 0; j < scaled.length; j++) {
      scaled[j] *= factors[j];
    }
    changed.put(name, rounded(scaled, stored));
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
