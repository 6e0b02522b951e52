package dev.fettle.model;

import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Keys and values of the positions a sequence has passed, in the compute dtype. A layer with a
/// window keeps only about two windows of them.
public final class KvCache implements AutoCloseable {
  private final Scope scope = Scope.detached();
  private final List<Layer> layers = new ArrayList<>();
  private final int capacity;

  /// The tokens of the positions, `[batch][capacity]`.
  private final int[][] tokens;

  private int length;

  KvCache(ModelConfig config, DType dtype, int batch, int capacity) {
    this(config, dtype, batch, capacity, LayerAttention.CACHE_ROOM);
  }

  /// @param room new positions that fit into a layer with a window before old ones are dropped, if
  ///   its window is not longer
  KvCache(ModelConfig config, DType dtype, int batch, int capacity, int room) {
    this.capacity = capacity;
    this.tokens = new int[batch][capacity];
    long heads = (long) batch * config.numKeyValueHeads();
    try (Scope.Entered entered = scope.enter()) {
      for (LayerAttention attention : config.layers()) {
        Integer own = attention.window();
        int window = own == null ? capacity : own;
        long size = attention.cachedPositions(capacity, room);
        layers.add(
            new Layer(
                Math.min(window, capacity),
                Tensors.empty(dtype, heads, size, config.headDim()),
                Tensors.empty(dtype, heads, size, config.headDim())));
      }
    }
  }

  /// Positions filled so far.
  public int length() {
    return length;
  }

  public int capacity() {
    return capacity;
  }

  /// Forgets all positions.
  public void clear() {
    length = 0;
    layers.forEach(Layer::clear);
  }

  /// Counts the positions of `ids` as filled.
  void advance(int[][] ids) {
    for (int row = 0; row < ids.length; row++) {
      System.arraycopy(ids[row], 0, tokens[row], length, ids[row].length);
    }
    length += ids[0].length;
  }

  /// The tokens of all filled positions, followed by `ids`.
  int[][] tokensAnd(int[][] ids) {
    int[][] all = new int[ids.length][];
    for (int row = 0; row < ids.length; row++) {
      all[row] = Arrays.copyOf(tokens[row], length + ids[row].length);
      System.arraycopy(ids[row], 0, all[row], length, ids[row].length);
    }
    return all;
  }

  /// The keys and values that queries of the newest positions may see.
  ///
  /// @param keys `[batch · kvHeads, positions, headDim]`
  /// @param values as `keys`
  /// @param first which position comes first in them
  record Past(Tensor keys, Tensor values, int first) {}

  /// Stores what belongs to the positions from `start` on, and returns it with what came before.
  ///
  /// @param keys `[batch · kvHeads, count, headDim]`
  /// @param values as `keys`
  Past append(int layer, int start, Tensor keys, Tensor values) {
    return layers.get(layer).append(start, keys, values);
  }

  @Override
  public void close() {
    scope.close();
  }

  /// One layer's memory, `[batch · kvHeads, size, headDim]`; where that is shorter than the text,
  /// what lies before the window is dropped whenever it is full.
  private static final class Layer {
    private final int window;
    private final int size;
    private final Tensor keys;
    private final Tensor values;

    /// The position of the first row.
    private int first;

    Layer(int window, Tensor keys, Tensor values) {
      this.window = window;
      this.size = Math.toIntExact(keys.size(1));
      this.keys = keys;
      this.values = values;
    }

    void clear() {
      first = 0;
    }

    Past append(int start, Tensor freshKeys, Tensor freshValues) {
      int count = Math.toIntExact(freshKeys.size(1));
      int filled = start - first;
      if (filled + count > size) {
        int kept = Math.min(filled, window - 1);
        if (kept + count > size) {
          return replace(start, filled, kept, freshKeys, freshValues);
        }
        store(keys, 0, keys.narrow(1, filled - kept, kept).copy());
        store(values, 0, values.narrow(1, filled - kept, kept).copy());
        first = start - kept;
        filled = kept;
      }
      store(keys, filled, freshKeys);
      store(values, filled, freshValues);
      return new Past(
          keys.narrow(1, 0, filled + count), values.narrow(1, 0, filled + count), first);
    }

    /// More positions than there is room for: they are seen once, and the last of them kept.
    private Past replace(int start, int filled, int kept, Tensor freshKeys, Tensor freshValues) {
      Past past =
          new Past(
              joined(keys.narrow(1, filled - kept, kept), freshKeys),
              joined(values.narrow(1, filled - kept, kept), freshValues),
              start - kept);
      long all = past.keys().size(1);
      long last = Math.min(window - 1, all);
      store(keys, 0, past.keys().narrow(1, all - last, last));
      store(values, 0, past.values().narrow(1, all - last, last));
      first = (int) (past.first() + all - last);
      return past;
    }

    private static Tensor joined(Tensor before, Tensor fresh) {
      return before.size(1) == 0 ? fresh : Tensors.concat(1, List.of(before, fresh));
    }

    private static void store(Tensor all, int at, Tensor rows) {
      all.narrow(1, at, rows.size(1)).copyInPlace(rows);
    }
  }
}
