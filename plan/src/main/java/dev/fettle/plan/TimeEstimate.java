package dev.fettle.plan;

import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraConfig;
import dev.fettle.plan.Work.Training;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import org.jspecify.annotations.Nullable;

/// How long a piece of work takes on a machine of known rates. Products are counted exactly; norms,
/// activations and the like as a share of them. Good within about a factor of 1.5.
///
/// @param tokensPerSecond or 0 where tokens are not the measure
/// @param seconds of the whole work, or 0 if its length is not known
/// @param prefillTokensPerSecond reading a prompt; 0 outside of generation
public record TimeEstimate(double tokensPerSecond, double seconds, double prefillTokensPerSecond) {
  /// Share of the time of a pass that its products take; measured.
  private static final double SHARE_OF_PRODUCTS = 0.65;

  /// Blocks of a text that a block-wise algorithm passes twice: before and after quantizing.
  private static final int BLOCKWISE_PASSES = 3;

  /// @param rates of the machine
  public static TimeEstimate of(ModelSpec model, Work work, boolean recompute, MachineRates rates) {
    return switch (work) {
      case Training training -> training(model, training, recompute, rates);
      case Work.Generation generation -> generation(model, generation, rates);
      case Work.Evaluation w -> reading(model, w.compute(), w.seqLength(), w.tokens(), 1, rates);
      case Work.Calibration w -> reading(model, w.compute(), w.seqLength(), w.tokens(), 1, rates);
      case Work.Blockwise w ->
          reading(
              model,
              w.compute(),
              w.seqLength(),
              w.samples() * w.seqLength(),
              BLOCKWISE_PASSES,
              rates);
      case Work.Rewriting rewriting -> rewriting(model, rewriting, rates);
    };
  }

  private static double products(ModelSpec model, @Nullable DType wanted, MachineRates rates) {
    double rate = model.compute(wanted) == DType.F32 ? rates.products32() : rates.products16();
    return rate * SHARE_OF_PRODUCTS;
  }

  /// Operations of one token in one forward pass.
  private static double forward(ModelSpec model, long context) {
    ModelConfig config = model.architecture().config();
    double queries = (double) config.numAttentionHeads() * config.headDim();
    double attention = 2.0 * context * queries * config.numHiddenLayers(); // half of 2 · 2: causal
    return 2.0 * (model.linearWeights() + model.tableWeights()) + attention;
  }

  private static TimeEstimate training(
      ModelSpec model, Training work, boolean recompute, MachineRates rates) {
    double forward = forward(model, work.seqLength());
    double passes = 2 + (recompute ? 1 : 0);
    LoraConfig lora = work.adapter();
    double trained = lora == null ? forward : 0;
    if (lora != null) {
      trained = 6.0 * AdapterPlan.of(lora, model.architecture()).parameterCount();
    }
    double perToken = (passes * forward + trained) / products(model, work.compute(), rates);
    double unpacking = 0;
    if (work.base() != null || model.packed()) {
      unpacking = passes * model.linearWeights() / rates.unpacked();
    } else if (work.rounding() != null) {
      unpacking = passes * model.linearWeights() * (1 / rates.unpacked() + 1 / rates.packed());
    }
    double perPass = perToken * work.tokens() + unpacking;
    double update =
        lora == null ? 16.0 * model.architecture().parameterCount() / rates.memory() : 0;
    double perStep = perPass * work.accumulation() + update;
    return new TimeEstimate(
        work.tokens() * work.accumulation() / perStep, work.steps() * perStep, 0);
  }

  private static TimeEstimate generation(
      ModelSpec model, Work.Generation work, MachineRates rates) {
    Scheme base = work.base();
    double linear =
        base == null
            ? model.linearBytes()
            : PackedBytes.of(model.architecture(), base, model.dtype());
    double head = model.headBytes() > 0 ? model.headBytes() : model.embeddingBytes();
    double perToken = (linear + head) / rates.memory();
    double prefill = products(model, work.compute(), rates) / forward(model, work.promptTokens());
    return new TimeEstimate(
        1 / perToken, work.newTokens() * perToken + work.promptTokens() / prefill, prefill);
  }

  private static TimeEstimate reading(
      ModelSpec model,
      @Nullable DType compute,
      int length,
      long tokens,
      int passes,
      MachineRates rates) {
    double perToken = passes * forward(model, length) / products(model, compute, rates);
    return new TimeEstimate(1 / perToken, tokens * perToken, 0);
  }

  private static TimeEstimate rewriting(ModelSpec model, Work.Rewriting work, MachineRates rates) {
    double bytes = (double) model.linearBytes() + model.embeddingBytes() + model.headBytes();
    double seconds = 2 * bytes / rates.memory();
    if (work.scheme() != null) {
      seconds += model.linearWeights() / rates.packed();
    }
    return new TimeEstimate(0, seconds, 0);
  }
}
