package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.VectorAttention;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// The vector kernel of float32 attention against batched matrix products.
class CausalAttentionTest {
  /// Sums of up to 300 products of values near 1 in another order.
  private static final double FLOAT32 = 5e-6;

  @ParameterizedTest(name = "{0} kv heads, group {1}, {2} queries after {3}, headDim {4}")
  @CsvSource({
    "1,1,1,0,2",
    "2,1,5,0,8",
    "3,2,17,0,8",
    "2,4,33,0,24",
    "1,2,130,0,64",
    "2,2,1,40,16",
    "1,3,300,0,32",
    "2,1,7,9,48"
  })
  void forwardAgrees(int heads, int group, int length, int start, int dim) {
    try (Scope scope = Scope.open()) {
      Tensor q = Tensors.normal(1, heads, group, length, dim);
      Tensor k = Tensors.normal(2, heads, start + length, dim);
      Tensor v = Tensors.normal(3, heads, start + length, dim);
      assertThat(VectorAttention.supports(q)).as("the fast path is in use").isTrue();
      assertClose(
          VectorAttention.forward(q, k, v, start),
          CausalAttention.forwardByProducts(q, k, v, start));
    }
  }

  @ParameterizedTest(name = "{0} kv heads, group {1}, {2} queries, headDim {3}")
  @CsvSource({"1,1,2,2", "2,1,5,8", "3,2,17,8", "2,4,33,24", "1,2,130,64", "1,3,300,32"})
  void gradientsAgree(int heads, int group, int length, int dim) {
    try (Scope scope = Scope.open()) {
      Tensor q = Tensors.normal(1, heads, group, length, dim);
      Tensor k = Tensors.normal(2, heads, length, dim);
      Tensor v = Tensors.normal(3, heads, length, dim);
      Tensor output = CausalAttention.forwardByProducts(q, k, v, 0);
      Tensor dOutput = Tensors.normal(4, heads, group, length, dim);
      VectorAttention.Gradients fast = VectorAttention.backward(q, k, v, output, dOutput);
      CausalAttention.Gradients plain =
          CausalAttention.backwardByProducts(q, k, v, output, dOutput);
      assertClose(fast.queries(), plain.queries());
      assertClose(fast.keys(), plain.keys());
      assertClose(fast.values(), plain.values());
    }
  }

  private static void assertClose(Tensor found, Tensor expected) {
    assertThat(found.shape()).isEqualTo(expected.shape());
    float[] a = found.toFloats();
    float[] b = expected.toFloats();
    double largest = 0;
    double difference = 0;
    for (int i = 0; i < a.length; i++) {
      largest = Math.max(largest, Math.abs(b[i]));
      difference = Math.max(difference, Math.abs(a[i] - b[i]));
    }
    assertThat(difference / largest).isLessThan(FLOAT32);
  }
}
