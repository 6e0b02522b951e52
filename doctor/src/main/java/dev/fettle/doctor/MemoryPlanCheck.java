package dev.fettle.doctor;

import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.plan.MemoryPlan;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.Remedies;
import dev.fettle.plan.Remedy;
import dev.fettle.plan.Work;
import dev.fettle.quantize.Scheme;
import java.util.List;

/// Whether a QLoRA run with the defaults of `fettle finetune` fits into memory.
///
/// @param available bytes that may be taken
record MemoryPlanCheck(long available) implements ModelCheck {
  private static final Scheme BASE = new Scheme.Nf4(64, true);
  private static final int RANK = 8;
  private static final int BATCH = 8;

  @Override
  public String id() {
    return "memory-plan";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    if (patient.config().failed() || available <= 0) {
      return List.of();
    }
    ModelSpec model = Attempt.of(() -> ModelSpec.of(patient.path())).value();
    if (model == null || model.packed()) {
      return List.of(); // what is quantized already is trained on as it is
    }
    int length =
        Math.min(
            patient.request().dataset().seqLength(), model.architecture().config().maxLength());
    Work.Training work =
        new Work.Training(
            null,
            BASE,
            LoraConfig.of(RANK, 2 * RANK, new TargetModules.AllLinear()),
            null,
            Work.Moments.FLOAT32,
            BATCH,
            length,
            null,
            1,
            0,
            0);
    MemoryPlan plan = MemoryPlan.of(model, work, available);
    String what =
        "QLoRA of rank %d, batch %d, %d tokens: %s at its peak (%s), %s available"
            .formatted(
                RANK,
                BATCH,
                length,
                Shown.bytes(plan.peakBytes()),
                plan.peak().name(),
                Shown.bytes(available));
    if (plan.fits(available)) {
      return List.of(Finding.ok(id(), what));
    }
    List<Remedy> remedies = Remedies.of(model, work, available);
    return List.of(
        Finding.warning(
            id(),
            what,
            remedies.isEmpty()
                ? "take a machine with more memory, or a smaller model"
                : "with %s it takes %s"
                    .formatted(
                        remedies.getFirst().line(),
                        Shown.bytes(remedies.getFirst().plan().peakBytes()))));
  }
}
