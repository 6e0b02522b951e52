package dev.fettle.plan;

import dev.fettle.quantize.Scheme;
import dev.fettle.tensor.DType;
import java.util.ArrayList;
import java.util.List;

/// Looks for what fits where the work that was asked for does not, the smallest change first.
public final class Remedies {
  private static final Scheme.Nf4 NF4 = new Scheme.Nf4(64, false);
  private static final int SHORTEST = 64;

  private final ModelSpec model;
  private final long available;
  private final List<Remedy> found = new ArrayList<>();

  private Remedies(ModelSpec model, long available) {
    this.model = model;
    this.available = available;
  }

  /// @param available bytes that may be taken
  /// @return the nearest first; empty if nothing fits, or no option changes the memory
  public static List<Remedy> of(ModelSpec model, Work work, long available) {
    Remedies remedies = new Remedies(model, available);
    switch (work) {
      case Work.Training training ->
          remedies.found.addAll(TrainingRemedies.of(model, training, available));
      case Work.Generation generation -> remedies.generation(generation);
      case Work.Evaluation evaluation -> remedies.evaluation(evaluation);
      case Work.Calibration calibration -> remedies.calibration(calibration);
      case Work.Blockwise blockwise -> remedies.blockwise(blockwise);
      case Work.Rewriting _ -> {}
    }
    return List.copyOf(remedies.found);
  }

  private boolean add(Work work, String... options) {
    MemoryPlan plan = MemoryPlan.of(model, work, available);
    if (plan.fits(available)) {
      found.add(new Remedy(work, plan, List.of(options)));
      return true;
    }
    return false;
  }

  private boolean wide(Work work) {
    return switch (work) {
      case Work.Generation w -> model.compute(w.compute()) == DType.F32;
      case Work.Evaluation w -> model.compute(w.compute()) == DType.F32;
      case Work.Calibration w -> model.compute(w.compute()) == DType.F32;
      case Work.Training _, Work.Blockwise _, Work.Rewriting _ -> false;
    };
  }

  private void generation(Work.Generation asked) {
    Work.Generation work = asked;
    if (wide(work)) {
      work =
          new Work.Generation(
              DType.BF16,
              work.base(),
              work.adapter(),
              work.promptTokens(),
              work.newTokens(),
              work.cache());
      if (add(work, "--compute-dtype bfloat16")) {
        return;
      }
    }
    if (work.base() == null && !model.packed()) {
      work =
          new Work.Generation(
              work.compute(),
              NF4,
              work.adapter(),
              work.promptTokens(),
              work.newTokens(),
              work.cache());
      if (add(work, "--load-in-4bit")) {
        return;
      }
    }
    for (int tokens = work.newTokens() / 2; tokens >= SHORTEST; tokens /= 2) {
      Work.Generation shorter =
          new Work.Generation(
              work.compute(),
              work.base(),
              work.adapter(),
              Math.min(work.promptTokens(), tokens),
              tokens,
              work.cache());
      String length = "--max-new-tokens " + tokens;
      boolean fits =
          asked.base() == null && work.base() != null
              ? add(shorter, "--load-in-4bit", length)
              : add(shorter, length);
      if (fits) {
        return;
      }
    }
  }

  private void evaluation(Work.Evaluation asked) {
    if (wide(asked)
        && add(
            new Work.Evaluation(
                DType.BF16,
                asked.seqLength(),
                asked.tokens(),
                asked.textBytes(),
                asked.besideBytes()),
            "--compute-dtype bfloat16")) {
      return;
    }
    for (int length = asked.seqLength() / 2; length >= SHORTEST; length /= 2) {
      if (add(
          new Work.Evaluation(
              asked.compute(), length, asked.tokens(), asked.textBytes(), asked.besideBytes()),
          "--seq-length " + length)) {
        return;
      }
    }
  }

  private void calibration(Work.Calibration asked) {
    if (asked.batchSize() > 1
        && add(
            new Work.Calibration(asked.compute(), 1, asked.seqLength(), asked.tokens()),
            "--batch-size 1")) {
      return;
    }
    for (int length = asked.seqLength() / 2; length >= SHORTEST; length /= 2) {
      if (add(
          new Work.Calibration(asked.compute(), 1, length, asked.tokens()),
          "--batch-size 1",
          "--seq-length " + length)) {
        return;
      }
    }
  }

  private void blockwise(Work.Blockwise asked) {
    if (asked.algorithm().equals("gptq")
        && add(
            new Work.Blockwise(
                "awq", asked.compute(), asked.scheme(), asked.seqLength(), asked.samples()),
            "--algorithm awq")) {
      return;
    }
    boolean _ = add(new Work.Rewriting(asked.scheme(), null, false), "--algorithm rtn");
  }
}
