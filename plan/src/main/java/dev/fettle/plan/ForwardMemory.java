package dev.fettle.plan;

import dev.fettle.checkpoint.LayerAttention;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraConfig;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The memory of a model that only computes: generation, evaluation, statistics.
final class ForwardMemory {
  /// Tokens that an evaluation computes at a time, unless one window is longer.
  private static final int EVALUATION_TOKENS = 2048;

  private ForwardMemory() {}

  static MemoryPlan generation(ModelSpec model, Work.Generation work) {
    DType compute = model.compute(work.compute());
    List<Part> parts = new ArrayList<>(Baseline.withEngine(0));
    parts.addAll(new LoadedWeights(model, compute, work.base()).parts());
    parts.addAll(adapter(model, work.adapter(), compute));
    int longest = model.architecture().config().maxLength();
    long positions = Math.min((long) work.promptTokens() + work.newTokens(), longest);
    if (work.cache()) {
      parts.add(cache(model, positions, compute));
    }
    long pass = work.cache() ? Math.min(work.promptTokens(), longest) : positions;
    parts.add(pass(model, pass, compute));
    long rows = work.cache() ? 1 : positions;
    long logits = rows * model.architecture().config().vocabSize() * (compute.bytes() + 4L);
    parts.add(new Part("logits", logits, "of %d positions".formatted(rows)));
    return single("generation", parts);
  }

  /// Keys and values of every layer, as far as a window lets it look back.
  private static Part cache(ModelSpec model, long positions, DType compute) {
    ModelConfig config = model.architecture().config();
    long perLayer = 2L * config.numKeyValueHeads() * config.headDim() * compute.bytes();
    long kept =
        config.layers().stream()
            .mapToLong(layer -> layer.cachedPositions(positions, LayerAttention.CACHE_ROOM))
            .sum();
    return new Part("key/value cache", perLayer * kept, "%d positions".formatted(positions));
  }

  static MemoryPlan evaluation(ModelSpec model, Work.Evaluation work) {
    DType compute = model.compute(work.compute());
    List<Part> parts = new ArrayList<>(Baseline.withEngine(work.textBytes()));
    parts.addAll(new LoadedWeights(model, compute, null).parts());
    parts.add(new Part("the reference", work.besideBytes(), "read beside this model"));
    int length = Math.max(1, work.seqLength()); // whoever reads the text refuses less
    long tokens = (long) Math.max(1, EVALUATION_TOKENS / length) * length;
    if (work.tokens() > 0) {
      tokens = Math.min(tokens, work.tokens());
    }
    parts.add(pass(model, tokens, compute));
    parts.add(
        new Part(
            "logits",
            new Activations(model, tokens, compute, null, false).lossChunk(tokens),
            "one chunk of rows"));
    return single("evaluation", parts);
  }

  static MemoryPlan calibration(ModelSpec model, Work.Calibration work) {
    DType compute = model.compute(work.compute());
    List<Part> parts = new ArrayList<>(Baseline.withEngine(0));
    parts.addAll(new LoadedWeights(model, compute, null).parts());
    parts.add(pass(model, (long) work.batchSize() * work.seqLength(), compute));
    return single("statistics", parts);
  }

  private static Part pass(ModelSpec model, long tokens, DType compute) {
    Activations pass = new Activations(model, tokens, compute, null, false);
    return new Part(
        "activations",
        pass.forwardOfBlock() + pass.blockInput(),
        "one block at a time, %d tokens".formatted(tokens));
  }

  private static List<Part> adapter(ModelSpec model, @Nullable LoraConfig config, DType compute) {
    if (config == null) {
      return List.of();
    }
    long parameters = AdapterPlan.of(config, model.architecture()).parameterCount();
    return List.of(
        new Part("adapter", parameters * (4L + compute.bytes()), "values and their copy"));
  }

  private static MemoryPlan single(String name, List<Part> parts) {
    return new MemoryPlan(List.of(new Phase(name, parts)), false);
  }
}
