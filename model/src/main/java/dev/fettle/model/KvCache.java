package dev.fettle.model;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// Keys and values of the positions a sequence has passed, per layer `[batch · kvHeads, capacity,
/// headDim]` in the compute dtype.
public final class KvCache implements AutoCloseable {
  private final Scope scope = Scope.detached();
  private final List<Tensor> keys = new ArrayList<>();
  private final List<Tensor> values = new ArrayList<>();
  private final int capacity;
  private int length;

  KvCache(ModelConfig config, DType dtype, int batch, int capacity) {
    this.capacity = capacity;
    long heads = (long) batch * config.numKeyValueHeads();
    try (Scope.Entered entered = scope.enter()) {
      for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
        keys.add(Tensors.empty(dtype, heads, capacity, config.headDim()));
        values.add(Tensors.empty(dtype, heads, capacity, config.headDim()));
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

  /// Forgets all positions from `newLength` on.
  public void truncate(int newLength) {
    if (newLength < 0 || newLength > length) {
      throw new IllegalArgumentException(
          "cannot truncate " + length + " positions to " + newLength);
    }
    length = newLength;
  }

  void advance(int count) {
    length += count;
  }

  /// Stores the keys of the positions from `start` on and returns those of all positions so far.
  Tensor appendKeys(int layer, int start, Tensor fresh) {
    return append(keys.get(layer), start, fresh);
  }

  Tensor appendValues(int layer, int start, Tensor fresh) {
    return append(values.get(layer), start, fresh);
  }

  private static Tensor append(Tensor all, int start, Tensor fresh) {
    long count = fresh.size(1);
    all.narrow(1, start, count).copyInPlace(fresh);
    return all.narrow(1, 0, start + count);
  }

  @Override
  public void close() {
    scope.close();
  }
}
