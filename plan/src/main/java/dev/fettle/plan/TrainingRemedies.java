package dev.fettle.plan;

import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.plan.Work.Moments;
import dev.fettle.plan.Work.Training;
import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// Training that fits: first with the same method, then with cheaper ones. Of each, gradient
/// checkpointing, 8-bit moments, smaller batches with as much more accumulation, bfloat16, and at
/// last shorter sequences, in this order, and no more of them than needed.
final class TrainingRemedies {
  private static final Scheme.Nf4 QLORA_BASE = new Scheme.Nf4(64, true);
  private static final int SHORTEST = 64;
  private static final int MOST = 3;

  private final ModelSpec model;
  private final long available;

  private TrainingRemedies(ModelSpec model, long available) {
    this.model = model;
    this.available = available;
  }

  /// A piece of work and the options that lead to it.
  private record Changed(Training work, Map<String, String> options) {
    Changed with(Training next, String option, @Nullable String value) {
      Map<String, String> more = new LinkedHashMap<>(options);
      more.put(option, value == null ? "" : value);
      return new Changed(next, more);
    }

    List<String> lines() {
      return options.entrySet().stream()
          .map(e -> e.getValue().isEmpty() ? e.getKey() : e.getKey() + " " + e.getValue())
          .toList();
    }
  }

  static List<Remedy> of(ModelSpec model, Training asked, long available) {
    TrainingRemedies remedies = new TrainingRemedies(model, available);
    List<Remedy> found = new ArrayList<>();
    for (Changed method : remedies.methods(asked)) {
      @Nullable Changed fitting = remedies.fitting(method);
      if (fitting != null && found.size() < MOST) {
        found.add(new Remedy(fitting.work(), remedies.plan(fitting.work()), fitting.lines()));
      }
    }
    return found;
  }

  /// The method itself, then cheaper ones.
  private List<Changed> methods(Training asked) {
    List<Changed> methods = new ArrayList<>();
    Changed start = new Changed(asked, Map.of());
    methods.add(start);
    LoraConfig adapter = asked.adapter();
    LoraConfig lora =
        adapter == null ? LoraConfig.of(8, 16, new TargetModules.AllLinear()) : adapter;
    boolean plain = asked.base() == null && !model.packed();
    if (adapter == null) {
      methods.add(start.with(asked.withAdapter(lora, null), "--method", "lora"));
    }
    if (plain) {
      methods.add(start.with(asked.withAdapter(lora, QLORA_BASE), "--method", "qlora"));
    }
    if (lora.r() > 1) {
      LoraConfig small =
          LoraConfig.of(Math.max(1, lora.r() / 4), lora.loraAlpha(), lora.targetModules());
      Changed base = methods.getLast();
      Scheme scheme = base.work().base();
      methods.add(
          base.with(
              base.work().withAdapter(small, scheme), "--lora-r", Integer.toString(small.r())));
    }
    return methods;
  }

  private MemoryPlan plan(Training work) {
    return MemoryPlan.of(model, work, available);
  }

  private boolean fits(Changed changed) {
    return plan(changed.work()).fits(available);
  }

  /// The smallest change within one method, or null.
  private @Nullable Changed fitting(Changed start) {
    if (fits(start)) {
      return start;
    }
    for (Changed step : steps(start)) {
      if (fits(step)) {
        return step;
      }
    }
    return null;
  }

  private List<Changed> steps(Changed start) {
    List<Changed> steps = new ArrayList<>();
    Changed at = start;
    if (!Boolean.TRUE.equals(at.work().gradientCheckpointing())) {
      at = at.with(at.work().withGradientCheckpointing(true), "--gradient-checkpointing", null);
      steps.add(at);
    }
    if (at.work().moments() == Moments.FLOAT32) {
      at = at.with(at.work().withMoments(Moments.EIGHT_BIT), "--optim", "adamw_8bit");
      steps.add(at);
    }
    long whole = (long) at.work().batchSize() * at.work().accumulation();
    for (int batch = at.work().batchSize() / 2; batch >= 1; batch /= 2) {
      if (Math.ceilDiv(whole, batch) > Integer.MAX_VALUE) {
        break; // no option holds so many
      }
      int passes = Math.toIntExact(Math.ceilDiv(whole, batch));
      at =
          at.with(at.work().withBatch(batch, passes), "--batch-size", Integer.toString(batch))
              .with(
                  at.work().withBatch(batch, passes),
                  "--gradient-accumulation-steps",
                  Integer.toString(passes));
      steps.add(at);
    }
    if (model.compute(at.work().compute()) == DType.F32) {
      at = at.with(at.work().withCompute(DType.BF16), "--compute-dtype", "bfloat16");
      steps.add(at);
    }
    for (int length = at.work().seqLength() / 2; length >= SHORTEST; length /= 2) {
      at = at.with(at.work().withSeqLength(length), "--seq-length", Integer.toString(length));
      steps.add(at);
    }
    return steps.stream().flatMap(step -> withoutNeedless(start, step)).toList();
  }

  /// A step, and before it the same without 8-bit moments, which change the numbers a little.
  private Stream<Changed> withoutNeedless(Changed start, Changed step) {
    if (start.work().moments() != Moments.FLOAT32
        || !step.options().containsKey("--optim")
        || step.options().size() <= start.options().size() + 2) {
      return Stream.of(step);
    }
    Map<String, String> options = new LinkedHashMap<>(step.options());
    options.remove("--optim");
    return Stream.of(new Changed(step.work().withMoments(Moments.FLOAT32), options), step);
  }
}
