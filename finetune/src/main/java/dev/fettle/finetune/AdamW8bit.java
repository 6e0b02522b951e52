package dev.fettle.finetune;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.model.Parameter;
import dev.fettle.quantize.moments.AdamStep;
import dev.fettle.quantize.moments.MomentBlocks;
import dev.fettle.quantize.moments.MomentKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Parallel;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/// AdamW whose moments take 8 bits each, in blocks of 256 with a scale of their own: 2.03 instead
/// of 8 bytes per parameter; Dettmers et al. 2021, arXiv:2110.02861.
///
/// As in bitsandbytes' `AdamW8bit`, blocks run over each parameter by itself, and parameters of
/// fewer than {@link MomentBlocks#MIN_8BIT_SIZE} elements keep float32 moments.
final class AdamW8bit implements Optimizer {
  /// Blocks that one thread takes at a time.
  private static final long GRAIN = 64;

  private final Scope scope = Scope.detached();
  private final FlatParameters parameters;
  private final TrainingOptions options;
  private final List<Run> packed = new ArrayList<>();
  private final List<Run> floats = new ArrayList<>();
  private final Tensor first;
  private final Tensor firstAbsmax;
  private final Tensor second;
  private final Tensor secondAbsmax;
  private final Tensor firstFloats;
  private final Tensor secondFloats;
  private int steps;

  /// A run of the flat buffer.
  ///
  /// @param at its first element there
  /// @param count elements
  /// @param momentAt where its moments begin
  /// @param blockAt where its scales begin
  private record Run(long at, long count, long momentAt, long blockAt) {}

  AdamW8bit(FlatParameters parameters, TrainingOptions options) {
    this.parameters = parameters;
    this.options = options;
    long at = 0;
    long codes = 0;
    long blocks = 0;
    long moments = 0;
    for (Parameter parameter : parameters.parameters()) {
      long count = parameter.value().elements();
      if (count < MomentBlocks.MIN_8BIT_SIZE) {
        floats.add(new Run(at, count, moments, 0));
        moments += count;
      } else {
        packed.add(new Run(at, count, codes, blocks));
        codes += count;
        blocks += MomentBlocks.blocks(count);
      }
      at += count;
    }
    try (Scope.Entered entered = scope.enter()) {
      first = Tensors.zeros(DType.U8, codes);
      firstAbsmax = Tensors.zeros(DType.F32, blocks);
      second = Tensors.zeros(DType.U8, codes);
      secondAbsmax = Tensors.zeros(DType.F32, blocks);
      firstFloats = Tensors.zeros(DType.F32, moments);
      secondFloats = Tensors.zeros(DType.F32, moments);
    }
  }

  @Override
  public int steps() {
    return steps;
  }

  @Override
  public void resumeAt(int step) {
    steps = step;
  }

  @Override
  public SequencedMap<String, Tensor> state() {
    SequencedMap<String, Tensor> state = new LinkedHashMap<>();
    state.put("exp_avg", first);
    state.put("exp_avg_absmax", firstAbsmax);
    state.put("exp_avg_sq", second);
    state.put("exp_avg_sq_absmax", secondAbsmax);
    state.put("exp_avg_float32", firstFloats);
    state.put("exp_avg_sq_float32", secondFloats);
    return state;
  }

  @Override
  public void step(double learningRate) {
    steps++;
    floats.forEach(run -> stepFloats(run, learningRate));
    packed.forEach(run -> stepPacked(run, learningRate));
    parameters.valuesChanged();
  }

  private double weightDecay(Run run) {
    return run.at() < parameters.matrixElements() ? options.weightDecay() : 0;
  }

  private void stepFloats(Run run, double learningRate) {
    try (Scope local = Scope.open()) {
      Tensor values = parameters.values().narrow(0, run.at(), run.count());
      if (weightDecay(run) > 0) {
        values.mulInPlace(1 - learningRate * weightDecay(run));
      }
      AdamW.update(
          values,
          parameters.grads().narrow(0, run.at(), run.count()),
          firstFloats.narrow(0, run.momentAt(), run.count()),
          secondFloats.narrow(0, run.momentAt(), run.count()),
          learningRate,
          steps,
          options);
    }
  }

  private void stepPacked(Run run, double learningRate) {
    AdamStep step =
        AdamStep.of(
            options.adamBeta1(),
            options.adamBeta2(),
            options.adamEpsilon(),
            learningRate,
            weightDecay(run),
            steps);
    MemorySegment values = parameters.values().segment();
    MemorySegment grads = parameters.grads().segment();
    MomentBlocks moments = moments(run);
    MomentKernels kernels = MomentKernels.get();
    Parallel.forRange(
        MomentBlocks.blocks(run.count()),
        GRAIN,
        (from, to) -> {
          long begin = from * MomentBlocks.BLOCK;
          long count = Math.min(to * MomentBlocks.BLOCK, run.count()) - begin;
          long at = (run.at() + begin) * Float.BYTES;
          kernels.step(
              step,
              values.asSlice(at, count * Float.BYTES),
              grads.asSlice(at, count * Float.BYTES),
              moments.slice(from, count),
              count);
        });
  }

  private MomentBlocks moments(Run run) {
    long scaleAt = run.blockAt() * Float.BYTES;
    long scaleBytes = MomentBlocks.blocks(run.count()) * Float.BYTES;
    return new MomentBlocks(
        first.segment().asSlice(run.momentAt(), run.count()),
        firstAbsmax.segment().asSlice(scaleAt, scaleBytes),
        second.segment().asSlice(run.momentAt(), run.count()),
        secondAbsmax.segment().asSlice(scaleAt, scaleBytes));
  }

  @Override
  public void close() {
    scope.close();
  }
}
