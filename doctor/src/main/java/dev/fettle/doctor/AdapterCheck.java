package dev.fettle.doctor;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.tensor.HostTensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Whether an adapter belongs to the model and does something to it.
record AdapterCheck() implements ModelCheck {
  @Override
  public String id() {
    return "adapter";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Path path = patient.request().adapter();
    ModelConfig config = patient.config().value();
    if (path == null) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    Attempt<AdapterFolder> attempt = Attempt.of(() -> AdapterFolder.open(path));
    AdapterFolder adapter = attempt.value();
    if (adapter == null) {
      findings.add(
          Finding.error(
              id(),
              attempt.failure() + "",
              "give the folder that holds adapter_config.json and adapter_model.safetensors"));
      return findings;
    }
    try (adapter) {
      base(adapter.config().baseModel(), patient.path(), findings);
      tokenizer(patient, path, findings);
      if (config != null) {
        fit(adapter, config, findings);
      }
    }
    return findings;
  }

  private void fit(AdapterFolder adapter, ModelConfig config, List<Finding> findings) {
    Attempt<AdapterPlan> attempt = Attempt.of(() -> adapter.plan(Architecture.of(config)));
    AdapterPlan plan = attempt.value();
    if (plan == null) {
      findings.add(
          Finding.error(
              id(),
              attempt.failure() + "",
              "name the model it was trained on; adapter_config.json says which:"
                  + " base_model_name_or_path is "
                  + Shown.quote(adapter.config().baseModel() + "")));
      return;
    }
    List<String> broken = new ArrayList<>();
    boolean untrained = !plan.lowRanks().isEmpty() && plan.wholes().isEmpty();
    for (LowRank part : plan.lowRanks()) {
      for (String name : List.of(part.a(), part.b())) {
        HostTensor tensor = adapter.tensor(name);
        if (NumberScan.reads(tensor.dtype())) {
          NumberScan scan = NumberScan.of(tensor, true);
          untrained &= name.equals(part.a()) || scan.allZero();
          if (scan.broken() > 0) {
            broken.add(name + " at " + scan.where());
          }
        }
      }
    }
    if (!broken.isEmpty()) {
      findings.add(
          Finding.error(
              id(),
              "%d tensors hold NaN or infinity: %s".formatted(broken.size(), Shown.list(broken)),
              "take checkpoint-N or best/ from before the training diverged"));
    } else if (untrained) {
      findings.add(
          Finding.warning(
              id(),
              "every B is zero, so the adapter changes nothing",
              "train it, or name the folder of the trained one"));
    } else {
      findings.add(
          Finding.ok(
              id(),
              "fits the model: rank %d on %d layers, %s parameters"
                  .formatted(
                      adapter.config().r(),
                      plan.lowRanks().size(),
                      Shown.count(plan.parameterCount()))));
    }
  }

  /// The names may be paths on different machines; their last parts should agree.
  private void base(@Nullable String base, Path model, List<Finding> findings) {
    if (base == null || base.isBlank()) {
      return;
    }
    String there = last(base);
    String here = last(model.toAbsolutePath().normalize().toString());
    if (!there.equals(here) && !here.contains(there)) {
      findings.add(
          Finding.note(
              id(),
              "was trained on %s; this model is called %s"
                  .formatted(Shown.quote(base), Shown.quote(here)),
              "make sure both are the same model: shapes alone do not tell a base model from its"
                  + " instruct version"));
    }
  }

  private static String last(String path) {
    String[] parts = path.split("[/\\\\]+", -1);
    return parts.length == 0 ? "" : parts[parts.length - 1].toLowerCase(Locale.ROOT);
  }

  /// An adapter that brings tokens of its own.
  private void tokenizer(Patient patient, Path adapter, List<Finding> findings) {
    Path file = adapter.resolve("tokenizer.json");
    if (!Files.isRegularFile(file) || !patient.has("tokenizer.json")) {
      return;
    }
    TokenNames own = TokenNames.of(Json.read(file), null);
    if (!own.texts().equals(patient.names().texts())) {
      findings.add(
          Finding.warning(
              id(),
              "brings a tokenizer.json with %s tokens, other than the model's with %s"
                  .formatted(
                      Shown.count(own.texts().size()), Shown.count(patient.names().texts().size())),
              "use the adapter's tokenizer files with it, and resize the embedding if they add"
                  + " tokens"));
    }
  }
}
