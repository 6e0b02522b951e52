package dev.fettle.doctor;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.UnpackedCheckpoint;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Whether configuration, shards, tensors and quantization fit together.
record CheckpointCheck() implements ModelCheck {
  private static final String COPY =
      "copy the missing or broken files anew from where the model came from";

  /// Buffers of old checkpoints, which follow from the configuration.
  private static final Pattern BUFFER = Pattern.compile(".*rotary_emb\\.inv_freq");

  private static final Pattern LAYER = Pattern.compile("^model\\.layers\\.(\\d{1,6})\\.");

  @Override
  public String id() {
    return "checkpoint";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    List<Finding> findings = new ArrayList<>();
    Attempt<ModelConfig> config = patient.config();
    if (config.failed()) {
      findings.add(
          Finding.error(
              id(),
              config.failure() + "",
              "take config.json from the original model; fettle inspect shows what is read"));
    }
    findings.addAll(Shards.examine(id(), patient));
    Attempt<Checkpoint> checkpoint = patient.checkpoint();
    if (checkpoint.failed() && findings.stream().noneMatch(f -> f.severity() == Severity.ERROR)) {
      findings.add(Finding.error(id(), checkpoint.failure() + "", COPY));
    }
    Checkpoint stored = checkpoint.value();
    ModelConfig parsed = config.value();
    if (stored != null && parsed != null) {
      tensors(stored, Architecture.of(parsed), findings);
    }
    if (findings.isEmpty() && stored != null && parsed != null) {
      findings.add(
          Finding.ok(
              id(),
              "%s, %s parameters, every tensor in its shape"
                  .formatted(
                      parsed.modelType(), Shown.count(Architecture.of(parsed).parameterCount()))));
    }
    return findings;
  }

  private void tensors(Checkpoint stored, Architecture architecture, List<Finding> findings) {
    Attempt<UnpackedCheckpoint> attempt = Attempt.of(() -> UnpackedCheckpoint.of(stored));
    UnpackedCheckpoint plain = attempt.value();
    if (plain == null) {
      findings.add(
          Finding.error(
              id(),
              attempt.failure() + "",
              "quantize the original model again with fettle quantize, or convert it with the tool"
                  + " that made it"));
      return;
    }
    List<String> missing = new ArrayList<>();
    List<String> misshapen = new ArrayList<>();
    Set<String> known = new HashSet<>();
    for (TensorInfo demanded : architecture.tensors()) {
      known.add(demanded.name());
      @Nullable TensorInfo found = plain.infos().get(demanded.name());
      if (found == null) {
        missing.add(demanded.name());
      } else if (!found.shape().equals(demanded.shape())) {
        misshapen.add(
            "%s is %s and should be %s"
                .formatted(demanded.name(), found.shape(), demanded.shape()));
      }
    }
    if (!missing.isEmpty()) {
      findings.add(
          Finding.error(
              id(),
              "%d tensors that config.json demands are missing: %s"
                  .formatted(missing.size(), Shown.list(missing)),
              COPY
                  + ", or correct num_hidden_layers, the biases or tie_word_embeddings in"
                  + " config.json"));
    }
    if (!misshapen.isEmpty()) {
      findings.add(
          Finding.error(
              id(),
              "%d tensors have other shapes than config.json demands: %s"
                  .formatted(misshapen.size(), Shown.list(misshapen)),
              "take config.json and weights from one model"));
    }
    unknown(plain, known, architecture.config().numHiddenLayers(), findings);
  }

  private void unknown(
      UnpackedCheckpoint plain, Set<String> known, int layers, List<Finding> findings) {
    List<String> more =
        plain.infos().keySet().stream()
            .filter(name -> !known.contains(name) && !name.equals(Architecture.OUTPUT_HEAD))
            .filter(name -> !BUFFER.matcher(name).matches())
            .toList();
    int stored = more.stream().mapToInt(CheckpointCheck::layer).max().orElse(-1) + 1;
    if (stored > layers) {
      findings.add(
          Finding.error(
              id(),
              "the file holds %d layers, config.json says %d: the others are left out"
                  .formatted(stored, layers),
              "set \"num_hidden_layers\": %d in config.json".formatted(stored)));
    } else if (!more.isEmpty()) {
      findings.add(
          Finding.warning(
              id(),
              "%d tensors that this kind of model does not use, so they change nothing: %s"
                  .formatted(more.size(), Shown.list(more)),
              "check model_type in config.json; an adapter or value head belongs into a folder of"
                  + " its own"));
    }
  }

  /// The block a tensor belongs to, or -1.
  private static int layer(String name) {
    Matcher matcher = LAYER.matcher(name);
    return matcher.find() ? Integer.parseInt(matcher.group(1)) : -1;
  }
}
