package dev.fettle.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.engine.AttentionRule;
import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.engine.VectorAttention;
import dev.fettle.tensor.DType;
import java.util.Arrays;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The vector kernel of attention against batched matrix products, and both against each other's
/// parts: windows, caps, documents.
class CausalAttentionTest {
  /// Sums of up to 300 products of values near 1 in another order.
  private static final double FLOAT32 = 5e-6;

  /// The kernel rounds only its result to 8 bits.
  private static final double BFLOAT16 = 4e-3;

  /// The definition rounds scores, probabilities and sums too, and where a cap saturates, `1 −
  /// tanh²` has few digits left.
  private static final double BFLOAT16_PRODUCTS = 8e-2;

  /// Central differences of float32 losses near 10 with a step of 1e-2.
  private static final double DIFFERENCES = 2e-3;

  /// A shape with a rule.
  ///
  /// @param documents first positions of the documents of every sequence, or null
  record Case(
      int batch,
      int kvHeads,
      int group,
      int length,
      int start,
      int dim,
      AttentionRule rule,
      int @Nullable [][] documents) {
    Tensor queries(DType dtype) {
      return Tensors.normal(1, (long) batch * kvHeads, group, length, dim).to(dtype);
    }

    Tensor keys(int seed, DType dtype) {
      return Tensors.normal(seed, (long) batch * kvHeads, start + length, dim).to(dtype);
    }

    @Override
    public String toString() {
      return "%d x %d heads x %d, %d after %d, headDim %d, window %s, cap %s, documents %s"
          .formatted(
              batch,
              kvHeads,
              group,
              length,
              start,
              dim,
              rule.window(),
              rule.softCap(),
              Arrays.deepToString(documents));
    }
  }

  static Stream<Case> cases() {
    AttentionRule plain = AttentionRule.causal(0.3);
    AttentionRule capped = AttentionRule.causal(1).withSoftCap(2.5);
    return Stream.of(
        new Case(1, 1, 1, 1, 0, 2, plain, null),
        new Case(2, 1, 1, 5, 0, 8, plain, null),
        new Case(1, 3, 2, 17, 0, 8, plain, null),
        new Case(1, 2, 4, 33, 0, 24, plain, null),
        new Case(1, 1, 2, 130, 0, 64, plain, null),
        new Case(1, 1, 3, 300, 0, 32, plain, null),
        new Case(1, 1, 8, 70, 0, 256, plain, null),
        new Case(1, 2, 2, 150, 0, 64, plain.withWindow(20), null),
        new Case(1, 1, 2, 300, 0, 80, plain.withWindow(130), null),
        new Case(2, 1, 1, 40, 0, 96, plain.withWindow(1), null),
        new Case(1, 2, 1, 40, 0, 128, plain.withWindow(40), null),
        new Case(1, 2, 1, 40, 0, 128, plain.withWindow(39), null),
        new Case(1, 2, 3, 45, 0, 80, capped, null),
        new Case(1, 1, 2, 200, 0, 256, capped.withWindow(64), null),
        new Case(2, 2, 2, 60, 0, 64, plain, new int[][] {{0, 1, 2, 30}, {0, 59}}),
        new Case(2, 1, 1, 300, 0, 96, plain, new int[][] {{0}, {0, 128, 129, 200}}),
        new Case(1, 1, 4, 260, 0, 64, plain, new int[][] {{0, 100, 177}}),
        new Case(3, 1, 2, 90, 0, 128, capped.withWindow(9), new int[][] {{0, 5}, {0}, {0, 44}}));
  }

  static Stream<Case> continued() {
    AttentionRule plain = AttentionRule.causal(0.3);
    AttentionRule capped = AttentionRule.causal(1).withSoftCap(2.5);
    return Stream.of(
        new Case(1, 2, 2, 1, 40, 16, plain, null),
        new Case(1, 2, 1, 7, 9, 48, plain, null),
        new Case(1, 1, 8, 1, 300, 256, capped.withWindow(100), null),
        new Case(2, 2, 1, 150, 50, 64, plain.withWindow(60), null),
        new Case(1, 2, 2, 1, 40, 80, plain.withWindow(41), null),
        new Case(1, 2, 2, 1, 40, 80, plain.withWindow(1), null),
        new Case(1, 2, 2, 3, 500, 64, plain.withWindow(17), null));
  }

  @ParameterizedTest
  @MethodSource({"cases", "continued"})
  void forwardAgrees(Case c) {
    forward(c, DType.F32, FLOAT32, FLOAT32);
    forward(c, DType.BF16, BFLOAT16, BFLOAT16_PRODUCTS);
  }

  private static void forward(Case c, DType dtype, double tolerance, double ofProducts) {
    try (Scope scope = Scope.open()) {
      Tensor q = c.queries(dtype);
      Tensor k = c.keys(2, dtype);
      Tensor v = c.keys(3, dtype);
      assertThat(VectorAttention.supports(q)).as("the fast path can be used").isTrue();
      Tensor fast = VectorAttention.forward(q, k, v, c.start, c.rule, c.documents);
      assertThat(fast.dtype()).isEqualTo(dtype);
      Tensor exact =
          CausalAttention.forwardByProducts(
              q.to(DType.F32), k.to(DType.F32), v.to(DType.F32), c.start, c.rule, c.documents);
      assertClose(fast, exact, tolerance);
      assertClose(
          CausalAttention.forwardByProducts(q, k, v, c.start, c.rule, c.documents),
          exact,
          ofProducts);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void gradientsAgree(Case c) {
    gradients(c, DType.F32, FLOAT32, FLOAT32);
    gradients(c, DType.BF16, BFLOAT16, BFLOAT16_PRODUCTS);
  }

  private static void gradients(Case c, DType dtype, double tolerance, double ofProducts) {
    try (Scope scope = Scope.open()) {
      Tensor q = c.queries(dtype);
      Tensor k = c.keys(2, dtype);
      Tensor v = c.keys(3, dtype);
      Tensor output = CausalAttention.forwardByProducts(q, k, v, 0, c.rule, c.documents);
      Tensor dOutput = Tensors.normal(4, q.shape().toArray()).to(dtype);
      VectorAttention.Gradients fast =
          VectorAttention.backward(q, k, v, output, dOutput, c.rule, c.documents);
      CausalAttention.Gradients plain =
          CausalAttention.backwardByProducts(q, k, v, output, dOutput, c.rule, c.documents);
      CausalAttention.Gradients exact =
          CausalAttention.backwardByProducts(
              q.to(DType.F32),
              k.to(DType.F32),
              v.to(DType.F32),
              output.to(DType.F32),
              dOutput.to(DType.F32),
              c.rule,
              c.documents);
      assertClose(fast.queries(), exact.queries(), tolerance);
      assertClose(fast.keys(), exact.keys(), tolerance);
      assertClose(fast.values(), exact.values(), tolerance);
      assertClose(plain.queries(), exact.queries(), ofProducts);
      assertClose(plain.keys(), exact.keys(), ofProducts);
      assertClose(plain.values(), exact.values(), ofProducts);
    }
  }

  /// The definition itself, against scores written out key by key in double precision.
  @ParameterizedTest
  @MethodSource({"cases", "continued"})
  void theDefinitionIsTheFormula(Case c) {
    try (Scope scope = Scope.open()) {
      Tensor q = c.queries(DType.F32);
      Tensor k = c.keys(2, DType.F32);
      Tensor v = c.keys(3, DType.F32);
      Tensor found = CausalAttention.forwardByProducts(q, k, v, c.start, c.rule, c.documents);
      float[] expected = new PlainAttention(c).attend(q.toFloats(), k.toFloats(), v.toFloats());
      assertClose(found.toFloats(), expected, FLOAT32);
    }
  }

  @ParameterizedTest(name = "window {0}, cap {1}, packed {2}")
  @CsvSource({"1000,Infinity,false", "4,1.5,false", "1000,3,true", "3,2,true"})
  void gradientsAreThoseOfTheFormula(int window, double cap, boolean packed) {
    int[][] documents = packed ? new int[][] {{0, 4}, {0}} : null;
    AttentionRule rule = new AttentionRule(0.7, cap, window);
    Case c = new Case(2, 1, 2, 9, 0, 8, rule, documents);
    try (Scope scope = Scope.open()) {
      float[] q = c.queries(DType.F32).toFloats();
      float[] k = c.keys(2, DType.F32).toFloats();
      float[] v = c.keys(3, DType.F32).toFloats();
      Tensor out = Tensors.of(new PlainAttention(c).attend(q, k, v), 2, 2, 9, 8);
      Tensor weights = Tensors.normal(5, 2, 2, 9, 8);
      CausalAttention.Gradients grads =
          CausalAttention.backwardByProducts(
              Tensors.of(q, 2, 2, 9, 8),
              Tensors.of(k, 2, 9, 8),
              Tensors.of(v, 2, 9, 8),
              out,
              weights,
              rule,
              documents);
      float[] w = weights.toFloats();
      assertClose(grads.queries().toFloats(), differences(q, () -> loss(c, q, k, v, w)));
      assertClose(grads.keys().toFloats(), differences(k, () -> loss(c, q, k, v, w)));
      assertClose(grads.values().toFloats(), differences(v, () -> loss(c, q, k, v, w)));
    }
  }

  private static double loss(Case c, float[] q, float[] k, float[] v, float[] weights) {
    float[] out = new PlainAttention(c).attend(q, k, v);
    double sum = 0;
    for (int i = 0; i < out.length; i++) {
      sum += (double) out[i] * weights[i];
    }
    return sum;
  }

  private interface Loss {
    double value();
  }

  private static float[] differences(float[] at, Loss loss) {
    float[] slopes = new float[at.length];
    for (int i = 0; i < at.length; i++) {
      float before = at[i];
      at[i] = before + 1e-2f;
      double up = loss.value();
      float high = at[i];
      at[i] = before - 1e-2f;
      double down = loss.value();
      slopes[i] = (float) ((up - down) / (high - at[i]));
      at[i] = before;
    }
    return slopes;
  }

  private static void assertClose(float[] found, float[] expected) {
    assertClose(found, expected, DIFFERENCES);
  }

  /// What a packed document gives is what it gives alone.
  @Test
  void aPackedDocumentIsComputedAsAlone() {
    AttentionRule rule = AttentionRule.causal(0.3).withSoftCap(4).withWindow(50);
    Case packed = new Case(1, 2, 2, 100, 0, 64, rule, new int[][] {{0, 37}});
    try (Scope scope = Scope.open()) {
      Tensor q = packed.queries(DType.F32);
      Tensor k = packed.keys(2, DType.F32);
      Tensor v = packed.keys(3, DType.F32);
      Tensor alone =
          CausalAttention.forward(
              q.narrow(2, 37, 63), k.narrow(1, 37, 63), v.narrow(1, 37, 63), 0, rule, null);
      Tensor together = CausalAttention.forward(q, k, v, 0, rule, packed.documents);
      assertClose(together.narrow(2, 37, 63), alone, FLOAT32);
    }
  }

  private static void assertClose(Tensor found, Tensor expected, double tolerance) {
    assertThat(found.shape()).isEqualTo(expected.shape());
    assertClose(found.toFloats(), expected.toFloats(), tolerance);
  }

  private static void assertClose(float[] a, float[] b, double tolerance) {
    assertThat(a).hasSameSizeAs(b);
    double largest = 1; // some gradients are nothing but rounding
    double difference = 0;
    for (int i = 0; i < a.length; i++) {
      assertThat(a[i]).isFinite();
      largest = Math.max(largest, Math.abs(b[i]));
      difference = Math.max(difference, Math.abs(a[i] - b[i]));
    }
    assertThat(difference / largest).isLessThan(tolerance);
  }
}
