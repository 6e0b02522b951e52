package dev.fettle.plan;

import dev.fettle.lora.AdapterPlan;
import dev.fettle.lora.LoraConfig;
import dev.fettle.plan.Work.Training;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The memory of a fine-tuning run: loading, forward pass with loss, backward pass, update.
final class TrainingMemory {
  /// Share of what is free that a run which keeps its activations may take; the rest is for
  /// whatever else the machine does.
  private static final double SHARE = 0.9;

  private final ModelSpec model;
  private final Training work;
  private final DType compute;
  private final @Nullable AdapterPlan adapter;

  private TrainingMemory(ModelSpec model, Training work) {
    this.model = model;
    this.work = work;
    this.compute = model.compute(work.compute());
    LoraConfig config = work.adapter();
    this.adapter = config == null ? null : AdapterPlan.of(config, model.architecture());
  }

  /// @param available bytes that may be taken
  static MemoryPlan of(ModelSpec model, Training work, long available) {
    TrainingMemory memory = new TrainingMemory(model, work);
    Boolean asked = work.gradientCheckpointing();
    if (asked != null) {
      return memory.plan(asked);
    }
    MemoryPlan keeping = memory.plan(false);
    return keeping.fits((long) (SHARE * available)) ? keeping : memory.plan(true);
  }

  private MemoryPlan plan(boolean recompute) {
    List<Part> standing = new ArrayList<>(Baseline.withData(work.textBytes()));
    standing.addAll(weights());
    TrainedMemory trained = new TrainedMemory(trainedParameters(), compute, work.moments());
    standing.addAll(trained.parts(adapter == null ? "weights" : "adapter"));
    Activations pass = new Activations(model, work.tokens(), compute, adapter, dropout());
    List<Part> kept = new ArrayList<>(standing);
    kept.add(kept(pass, recompute));
    Phase loss =
        phase(
            "loss", kept, new Part("logits", lossBytes(pass), "one chunk of rows, with gradient"));
    Phase backward =
        phase(
            "backward pass",
            kept,
            new Part(
                "one block's gradients", backwardBytes(pass, recompute), "while it is passed"));
    return new MemoryPlan(
        List.of(loss, backward, phase("update", standing, trained.step())), recompute);
  }

  private static Phase phase(String name, List<Part> parts, Part last) {
    List<Part> all = new ArrayList<>(parts);
    all.add(last);
    return new Phase(name, all);
  }

  private boolean dropout() {
    LoraConfig config = work.adapter();
    return config != null && config.loraDropout() > 0;
  }

  private long trainedParameters() {
    return adapter == null ? model.architecture().parameterCount() : adapter.parameterCount();
  }

  private List<Part> weights() {
    if (adapter == null) {
      long scratch = work.rounding() == null ? 0 : model.largestLinear() * compute.bytes();
      return List.of(new Part("rounded layer", scratch, "the largest layer as it is used"));
    }
    List<Part> parts = new ArrayList<>(new LoadedWeights(model, compute, work.base()).parts());
    if (work.rounding() != null) {
      parts.add(
          new Part(
              "rounded layer",
              model.largestLinear() * compute.bytes(),
              "the largest layer as it is used"));
    }
    return parts;
  }

  private Part kept(Activations pass, boolean recompute) {
    long inputs = Part.capped((double) pass.blockInput() * blocks()) + pass.aroundBlocks();
    return recompute
        ? new Part("activations", inputs, "each block's input (gradient checkpointing)")
        : new Part(
            "activations",
            inputs + Part.capped((double) pass.keptByBlock() * blocks()),
            "what %d blocks keep of %d tokens".formatted(blocks(), work.tokens()));
  }

  private long blocks() {
    return model.architecture().config().numHiddenLayers();
  }

  private long lossBytes(Activations pass) {
    long head = 0;
    if (adapter == null) {
      head = model.tableWeights() * compute.bytes(); // its gradient, before it is added up
    }
    return pass.lossChunk(work.tokens()) + head;
  }

  private long backwardBytes(Activations pass, boolean recompute) {
    long bytes = pass.backwardOfBlock() + (recompute ? pass.keptByBlock() : 0);
    if (adapter == null) {
      bytes += model.largestLinear() * compute.bytes();
    }
    return bytes + roundingBytes();
  }

  /// The weight in float32 with its update, in the dtype it is stored in, packed, and its gradient.
  private long roundingBytes() {
    Scheme rounding = work.rounding();
    if (rounding == null) {
      return 0;
    }
    long adapted = adapter == null ? 0 : DType.F32.bytes();
    return model.largestLinear() * (adapted + model.dtype().bytes() + 1 + DType.F32.bytes());
  }
}
