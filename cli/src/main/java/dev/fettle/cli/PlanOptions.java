package dev.fettle.cli;

import dev.fettle.engine.ProcessMemory;
import dev.fettle.plan.MachineMemory;
import dev.fettle.plan.MemoryPlan;
import dev.fettle.plan.ModelSpec;
import dev.fettle.plan.Remedies;
import dev.fettle.plan.Remedy;
import dev.fettle.plan.Work;
import dev.fettle.tensor.UserException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ObjectNode;

/// What every long verb does before it starts and when it is done: compare the memory that its work
/// needs with what may be taken.
final class PlanOptions {
  /// Smaller work is not announced; what it took is said at the end.
  private static final long WORTH_SAYING = 1_000_000_000;

  @Option(
      names = {"--ignore-plan", "--force"},
      order = 990,
      description = "Start even if the plan says that the memory does not suffice.")
  boolean ignore;

  @Option(
      names = "--max-memory",
      order = 991,
      paramLabel = "SIZE",
      description =
          "Most memory to plan for, such as 8GB (default: what machine and control group have free).")
  @Nullable String maxMemory;

  private @Nullable MemoryPlan plan;

  /// Bytes that may be taken.
  MachineMemory memory() {
    return maxMemory == null
        ? MachineMemory.now()
        : new MachineMemory(Units.parseBytes(maxMemory), "--max-memory");
  }

  /// Says what is predicted.
  ///
  /// @throws UserException if it is more than there is, with the nearest that fits
  void check(Console console, Path model, Work work) {
    if (!Files.exists(model)) {
      return; // the verb says what it expects there
    }
    check(console, ModelSpec.of(model), work);
  }

  void check(Console console, ModelSpec model, Work work) {
    MachineMemory memory = memory();
    MemoryPlan predicted = MemoryPlan.of(model, work, memory.available());
    if (!ignore && !predicted.fits(memory.available())) {
      throw new UserException(refusal(model, work, predicted, memory));
    }
    MemoryPlan before = plan;
    plan = before != null && before.peakBytes() > predicted.peakBytes() ? before : predicted;
    boolean fits = predicted.fits(memory.available());
    if (!fits || predicted.peakBytes() >= WORTH_SAYING) {
      console
          .err()
          .println(
              "plan: %s at its peak, %s free%s"
                  .formatted(
                      Units.bytes(predicted.peakBytes()),
                      Units.bytes(memory.available()),
                      fits ? "" : "; it does not fit, going on all the same"));
    }
  }

  private static String refusal(
      ModelSpec model, Work work, MemoryPlan predicted, MachineMemory memory) {
    List<Remedy> remedies = Remedies.of(model, work, memory.available());
    String way =
        remedies.isEmpty()
            ? "no option brings it below that; it needs a larger machine"
            : "the nearest that fits is %s, with %s"
                .formatted(
                    remedies.getFirst().line(),
                    Units.bytes(remedies.getFirst().plan().peakBytes()));
    return "This needs %s at its peak (%s), but only %s are free (%s); %s; --ignore-plan starts it all the same."
        .formatted(
            Units.bytes(predicted.peakBytes()),
            predicted.peak().name(),
            Units.bytes(memory.available()),
            memory.limitedBy(),
            way);
  }

  /// Says how far the prediction was off; nothing if no plan was made.
  void report(Console console) {
    MemoryPlan made = plan;
    long measured = ProcessMemory.peakResident();
    if (made != null && measured > 0) {
      console
          .err()
          .println(
              "peak memory: %s predicted, %s measured"
                  .formatted(Units.bytes(made.peakBytes()), Units.bytes(measured)));
    }
  }

  /// Adds both to what `--json` prints.
  ObjectNode add(ObjectNode json) {
    MemoryPlan made = plan;
    if (made != null) {
      json.put("predicted_peak_bytes", made.peakBytes());
      json.put("measured_peak_bytes", ProcessMemory.peakResident());
    }
    return json;
  }
}
