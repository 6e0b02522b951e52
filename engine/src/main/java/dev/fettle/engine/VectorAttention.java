package dev.fettle.engine;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.Parallel;
import dev.fettle.tensor.kernel.Kernels;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Causal attention of float32 heads, one key/value head per task, each query against just the keys
/// it may see. LibTorch without MKL multiplies a batch of small matrices one by one and wakes its
/// threads for each, which costs more than the products.
///
/// The formulas and the layouts are those of the general implementation, its twin: queries `[batch
/// · kvHeads, group, length, headDim]`, already scaled; keys and values `[batch · kvHeads, total,
/// headDim]`; query `i` sees the keys up to `start + i`.
public final class VectorAttention {
  /// Beyond this width of a head, matrix products are large enough for the library.
  private static final int MAX_HEAD_DIM = 64;

  private static final int WIDTH = Lanes.WIDTH;

  private VectorAttention() {}

  /// Whether these tensors are best treated here.
  public static boolean supports(Tensor queries) {
    return Kernels.vectorized() && queries.dtype() == DType.F32 && queries.size(-1) <= MAX_HEAD_DIM;
  }

  /// @return the attended values, in the layout of the queries
  public static Tensor forward(Tensor queries, Tensor keys, Tensor values, int start) {
    Tensor output = Tensors.empty(DType.F32, queries.shape().toArray());
    try (Scope scope = Scope.open()) {
      Inputs in = Inputs.of(queries, keys, values, start);
      MemorySegment out = output.segment();
      Parallel.forRange(
          queries.size(0),
          1,
          (from, to) -> {
            for (long head = from; head < to; head++) {
              new Head(in, head).forward(out);
            }
          });
    }
    return output;
  }

  /// Gradients of the three inputs, in their layouts.
  public record Gradients(Tensor queries, Tensor keys, Tensor values) {}

  /// @param output what {@link #forward} returned for `start` 0
  /// @param dOutput its gradient
  public static Gradients backward(
      Tensor queries, Tensor keys, Tensor values, Tensor output, Tensor dOutput) {
    Tensor dQueries = Tensors.empty(DType.F32, queries.shape().toArray());
    Tensor dKeys = Tensors.empty(DType.F32, keys.shape().toArray());
    Tensor dValues = Tensors.empty(DType.F32, values.shape().toArray());
    try (Scope scope = Scope.open()) {
      Inputs in = Inputs.of(queries, keys, values, 0);
      MemorySegment o = output.contiguous().segment();
      MemorySegment dO = dOutput.contiguous().segment();
      MemorySegment dq = dQueries.segment();
      MemorySegment dk = dKeys.segment();
      MemorySegment dv = dValues.segment();
      Parallel.forRange(
          queries.size(0),
          1,
          (from, to) -> {
            for (long head = from; head < to; head++) {
              new Head(in, head).backward(o, dO, dq, dk, dv);
            }
          });
    }
    return new Gradients(dQueries, dKeys, dValues);
  }

  /// The tensors' memory and sizes. `padded` counts are rounded up to whole vectors.
  private record Inputs(
      MemorySegment queries,
      MemorySegment keys,
      MemorySegment values,
      int rows,
      int length,
      int total,
      int dim,
      int start) {
    static Inputs of(Tensor queries, Tensor keys, Tensor values, int start) {
      return new Inputs(
          queries.contiguous().segment(),
          keys.contiguous().segment(),
          values.contiguous().segment(),
          Math.toIntExact(queries.size(1) * queries.size(2)),
          Math.toIntExact(queries.size(2)),
          Math.toIntExact(keys.size(1)),
          Math.toIntExact(queries.size(3)),
          start);
    }

    int paddedDim() {
      return Math.ceilDiv(dim, WIDTH) * WIDTH;
    }

    int paddedTotal() {
      return Math.ceilDiv(total, WIDTH) * WIDTH;
    }
  }

  /// One key/value head with the queries of its group, in zero-padded arrays.
  private static final class Head {
    private final Inputs in;
    private final long head;
    private final int dim;
    private final int stride;
    private final int total;
    private final float[] keys;
    private final float[] keysByDim;
    private final float[] values;
    private final float[] query;
    private final float[] p;

    Head(Inputs in, long head) {
      this.in = in;
      this.head = head;
      this.dim = in.dim();
      this.stride = in.paddedDim();
      this.total = in.paddedTotal();
      this.keys = rows(in.keys());
      this.keysByDim = transposed(keys);
      this.values = rows(in.values());
      this.query = new float[stride];
      this.p = new float[total];
    }

    private float[] rows(MemorySegment tensor) {
      float[] rows = new float[total * stride];
      for (int j = 0; j < in.total(); j++) {
        read(tensor, (head * in.total() + j) * dim, rows, j * stride);
      }
      return rows;
    }

    private float[] transposed(float[] rows) {
      float[] columns = new float[dim * total];
      for (int j = 0; j < in.total(); j++) {
        for (int d = 0; d < dim; d++) {
          columns[d * total + j] = rows[j * stride + d];
        }
      }
      return columns;
    }

    private void read(MemorySegment tensor, long element, float[] target, int at) {
      MemorySegment.copy(tensor, 4 * element, MemorySegment.ofArray(target), 4L * at, 4L * dim);
    }

    private void write(float[] source, int at, MemorySegment tensor, long element) {
      MemorySegment.copy(MemorySegment.ofArray(source), 4L * at, tensor, 4 * element, 4L * dim);
    }

    private int visible(int row) {
      return in.start() + row % in.length() + 1;
    }

    private long place(int row) {
      return (head * in.rows() + row) * dim;
    }

    void forward(MemorySegment out) {
      float[] o = new float[stride];
      for (int row = 0; row < in.rows(); row++) {
        int seen = visible(row);
        read(in.queries(), place(row), query, 0);
        softmax(seen);
        weightedSum(p, values, seen, o);
        write(o, 0, out, place(row));
      }
    }

    void backward(
        MemorySegment output,
        MemorySegment dOutput,
        MemorySegment dQueries,
        MemorySegment dKeys,
        MemorySegment dValues) {
      float[] valuesByDim = transposed(values);
      float[] o = new float[stride];
      float[] dO = new float[stride];
      float[] dQ = new float[stride];
      float[] dS = new float[total];
      float[] dK = new float[keys.length];
      float[] dV = new float[values.length];
      for (int row = 0; row < in.rows(); row++) {
        int seen = visible(row);
        read(in.queries(), place(row), query, 0);
        read(output, place(row), o, 0);
        read(dOutput, place(row), dO, 0);
        softmax(seen);
        products(dO, valuesByDim, seen, dS);
        float along = dot(dO, o);
        for (int j = 0; j < seen; j += WIDTH) {
          FloatVector weights = vector(p, j);
          vector(dS, j).sub(along).mul(weights).intoArray(dS, j);
        }
        weightedSum(dS, keys, seen, dQ);
        write(dQ, 0, dQueries, place(row));
        addOuter(dS, query, seen, dK);
        addOuter(p, dO, seen, dV);
      }
      for (int j = 0; j < in.total(); j++) {
        write(dK, j * stride, dKeys, (head * in.total() + j) * dim);
        write(dV, j * stride, dValues, (head * in.total() + j) * dim);
      }
    }

    /// The probabilities of the first `seen` keys, zero up to the next whole vector.
    private void softmax(int seen) {
      products(query, keysByDim, seen, p);
      Arrays.fill(p, seen, Math.ceilDiv(seen, WIDTH) * WIDTH, Float.NEGATIVE_INFINITY);
      FloatVector largest = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
      for (int j = 0; j < seen; j += WIDTH) {
        largest = largest.max(vector(p, j));
      }
      float max = largest.reduceLanes(VectorOperators.MAX); // exact in any order
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int j = 0; j < seen; j += WIDTH) {
        FloatVector e = Lanes.exp(vector(p, j).sub(max));
        e.intoArray(p, j);
        sum = sum.add(e);
      }
      int whole = Math.ceilDiv(seen, WIDTH) * WIDTH;
      float excess = 0; // what the padding added: exp of the bound, not quite zero
      for (int j = seen; j < whole; j++) {
        excess += p[j];
        p[j] = 0;
      }
      float scale = 1 / (Lanes.sum(sum) - excess);
      for (int j = 0; j < seen; j += WIDTH) {
        vector(p, j).mul(scale).intoArray(p, j);
      }
    }

    /// `target[j] = Σ_d x[d] · columns[d][j]` for the first `seen` j, in whole vectors.
    private void products(float[] x, float[] columns, int seen, float[] target) {
      for (int j = 0; j < seen; j += WIDTH) {
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        for (int d = 0; d < dim; d++) {
          sum = vector(columns, d * total + j).fma(FloatVector.broadcast(Lanes.FLOATS, x[d]), sum);
        }
        sum.intoArray(target, j);
      }
    }

    /// `target = Σ_j weights[j] · rows[j]`
    private void weightedSum(float[] weights, float[] rows, int seen, float[] target) {
      for (int d = 0; d < stride; d += WIDTH) {
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        for (int j = 0; j < seen; j++) {
          sum =
              vector(rows, j * stride + d)
                  .fma(FloatVector.broadcast(Lanes.FLOATS, weights[j]), sum);
        }
        sum.intoArray(target, d);
      }
    }

    /// `rows[j] += weights[j] · x`
    private void addOuter(float[] weights, float[] x, int seen, float[] rows) {
      for (int d = 0; d < stride; d += WIDTH) {
        FloatVector values = vector(x, d);
        for (int j = 0; j < seen; j++) {
          values
              .fma(FloatVector.broadcast(Lanes.FLOATS, weights[j]), vector(rows, j * stride + d))
              .intoArray(rows, j * stride + d);
        }
      }
    }

    private float dot(float[] a, float[] b) {
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int d = 0; d < stride; d += WIDTH) {
        sum = vector(a, d).fma(vector(b, d), sum);
      }
      return Lanes.sum(sum);
    }

    private static FloatVector vector(float[] array, int at) {
      return FloatVector.fromArray(Lanes.FLOATS, array, at);
    }
  }
}
