package dev.fettle.doctor;

import dev.fettle.engine.Engine;
import dev.fettle.tensor.UserException;
import dev.fettle.text.DatasetOptions;
import dev.fettle.text.TokenizerLibrary;
import dev.fettle.text.records.DataFiles;
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

  private static List<ModelCheck> modelChecks(Machine machine) {
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
        new AdapterCheck(),
        new DataCheck(),
        new MemoryPlanCheck(machine.availableMemory()));
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
      findings.addAll(examineModel(model, request, machine));
    }
    return new Diagnosis(findings);
  }

  /// What is wrong with a model's tokens that would spoil a training; takes about as long as
  /// loading its tokenizer. What is wrong with the data the training says itself, see
  /// [dev.fettle.text.DatasetFindings#warnings].
  ///
  /// @param model a folder or GGUF file
  /// @return warnings and errors only
  public static List<Finding> beforeTraining(Path model) {
    DoctorRequest request = new DoctorRequest(model, null, DatasetOptions.of(2), null, null, false);
    List<Finding> findings = new ArrayList<>();
    try (Patient patient = new Patient(model, request)) {
      for (ModelCheck check : List.of(new VocabularySizeCheck(), new MissingEosCheck())) {
        findings.addAll(guarded(check, () -> check.examine(patient)));
      }
    }
    return new Diagnosis(findings).atLeast(Severity.WARNING);
  }

  private static List<Finding> examineModel(Path model, DoctorRequest request, Machine machine) {
    exists(model, "Model");
    exists(request.adapter(), "Adapter");
    exists(request.gguf(), "GGUF file");
    DataFiles data = request.data();
    if (data != null) {
      data.files().forEach(file -> exists(file, "Data file"));
    }
    List<Finding> findings = new ArrayList<>();
    try (Patient patient = new Patient(model, request)) {
      for (ModelCheck check : modelChecks(machine)) {
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
