package dev.fettle.doctor;

import dev.fettle.engine.Engine;
import dev.fettle.tensor.UserException;
import dev.fettle.text.TokenizerLibrary;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// Runs the checks.
public final class Doctor {
  private Doctor() {}

  private static List<MachineCheck> machineChecks() {
    return List.of(
        new NativeLibraryCheck(Engine::describe, TokenizerLibrary::describe),
        new CpuCheck(),
        new MemoryCheck(),
        new DiskCheck());
  }

  private static List<ModelCheck> modelChecks() {
    return List.of(
        new CheckpointCheck(),
        new WeightsCheck(),
        new TokenizerCheck(),
        new VocabularySizeCheck(),
        new TiedWeightsCheck(),
        new MissingEosCheck(),
        new PadTokenCheck(),
        new DoubleBosCheck(),
        new ChatTemplateCheck(),
        new TokenAgreementCheck(),
        new GgufCheck(),
        new AdapterCheck());
  }

  /// Examines the machine, and what the request names.
  ///
  /// @throws UserException if the model or a file of the request does not exist
  public static Diagnosis examine(DoctorRequest request) {
    return examine(request, Machine.here());
  }

  /// As [#examine(DoctorRequest)], on a machine like this.
  public static Diagnosis examine(DoctorRequest request, Machine machine) {
    List<Finding> findings = new ArrayList<>();
    for (MachineCheck check : machineChecks()) {
      findings.addAll(guarded(check, () -> check.examine(machine)));
    }
    Path model = request.model();
    if (model != null) {
      findings.addAll(examineModel(model, request));
    }
    return new Diagnosis(findings);
  }

  private static List<Finding> examineModel(Path model, DoctorRequest request) {
    exists(model, "Model");
    exists(request.adapter(), "Adapter");
    exists(request.gguf(), "GGUF file");
    List<Finding> findings = new ArrayList<>();
    try (Patient patient = new Patient(model, request)) {
      for (ModelCheck check : modelChecks()) {
        findings.addAll(guarded(check, () -> check.examine(patient)));
      }
    }
    return findings;
  }

  private static void exists(@Nullable Path path, String what) {
    if (path != null && !Files.exists(path)) {
      throw new UserException(what + " " + path + " does not exist; check the path.");
    }
  }

  /// A check that meets something it did not expect reports that.
  private static List<Finding> guarded(Check check, Supplier<List<Finding>> examine) {
    Attempt<List<Finding>> attempt = Attempt.of(examine);
    List<Finding> findings = attempt.value();
    return findings != null
        ? findings
        : List.of(Finding.error(check.id(), attempt.failure() + "", "mend what the message names"));
  }
}
