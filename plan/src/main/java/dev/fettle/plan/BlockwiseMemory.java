package dev.fettle.plan;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.plan.Work.Blockwise;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// The memory of an algorithm that looks at one block at a time: the block, a batch of hidden
/// states, and the second moments `XᵀX` of the inputs of its layers, float64 `[in, in]`.
final class BlockwiseMemory {
  /// Tokens computed at a time, unless one sample is longer.
  private static final int BATCH_TOKENS = 2048;

  /// Matrices of the widest layer at the solver's fullest: the damped Hessian, a factor, the
  /// inverse.
  private static final int SOLVER_MATRICES = 3;

  private BlockwiseMemory() {}

  static MemoryPlan of(ModelSpec model, Blockwise work) {
    ModelConfig config = model.architecture().config();
    DType compute = model.compute(work.compute());
    long hidden = config.hiddenSize();
    long queries = (long) config.numAttentionHeads() * config.headDim();
    long inner = config.intermediateSize();
    long blockWeights = model.linearWeights() / config.numHiddenLayers();
    int length = Math.max(1, work.seqLength()); // whoever reads the text refuses less
    long tokens = (long) Math.max(1, BATCH_TOKENS / length) * length;
    Activations pass = new Activations(model, tokens, compute, null, false);
    List<Part> parts = new ArrayList<>(Baseline.withEngine(0));
    parts.add(new Part("embedding", model.embeddingBytes(), "pages of the mapped file"));
    parts.add(
        new Part(
            "one block",
            blockWeights * (compute.bytes() + DType.F32.bytes()),
            "its weights, and in float32"));
    parts.add(new Part("activations", pass.forwardOfBlock(), "%d tokens".formatted(tokens)));
    long moments = 2 * hidden * hidden + queries * queries + inner * inner;
    parts.add(
        new Part("second moments", moments * DType.F64.bytes(), "of the inputs of its layers"));
    long widest = Math.max(inner, Math.max(hidden, queries));
    long matrices = work.algorithm().equals("gptq") ? SOLVER_MATRICES : 1;
    long weights = model.largestLinear() * (DType.F64.bytes() + 2L * DType.F32.bytes());
    parts.add(
        new Part(
            work.algorithm(),
            matrices * widest * widest * DType.F64.bytes() + weights,
            "the widest layer's problem"));
    return new MemoryPlan(List.of(new Phase("widest layer", parts)), false);
  }
}
