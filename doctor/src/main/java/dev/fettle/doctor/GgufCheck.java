package dev.fettle.doctor;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.tensor.UserException;
import dev.fettle.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Whether a GGUF file is the model of the folder: its sizes, and its tokens on every probe.
record GgufCheck() implements ModelCheck {
  private static final String EXPORT =
      "export again: fettle export --model MODEL --outtype q4_k_m --output NEW.gguf";

  private static final List<String> TOKENIZER_KEYS =
      List.of("model", "pre", "add_bos_token", "add_eos_token", "add_space_prefix");

  @Override
  public String id() {
    return "gguf";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Path file = patient.request().gguf();
    if (file == null) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    sizes(patient, file, findings);
    metadata(patient, file, findings);
    tokens(patient, file, findings);
    if (findings.isEmpty()) {
      findings.add(Finding.ok(id(), file + " has the sizes and the tokens of the model"));
    }
    return findings;
  }

  private void sizes(Patient patient, Path file, List<Finding> findings) {
    ModelConfig ours = patient.config().value();
    Attempt<ModelConfig> attempt = Attempt.of(() -> config(file));
    ModelConfig theirs = attempt.value();
    if (theirs == null) {
      findings.add(Finding.error(id(), attempt.failure() + "", EXPORT));
      return;
    }
    if (ours == null) {
      return;
    }
    List<String> differences = new ArrayList<>();
    compare("layers", ours.numHiddenLayers(), theirs.numHiddenLayers(), differences);
    compare("hidden size", ours.hiddenSize(), theirs.hiddenSize(), differences);
    compare("heads", ours.numAttentionHeads(), theirs.numAttentionHeads(), differences);
    compare("key/value heads", ours.numKeyValueHeads(), theirs.numKeyValueHeads(), differences);
    compare("vocabulary", ours.vocabSize(), theirs.vocabSize(), differences);
    if (!differences.isEmpty()) {
      findings.add(
          Finding.error(
              id(),
              "%s is another model: %s".formatted(file, String.join(", ", differences)),
              "name the GGUF file of this model, or " + EXPORT));
    }
  }

  private static ModelConfig config(Path file) {
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      return checkpoint.config();
    }
  }

  private static void compare(String what, int ours, int theirs, List<String> differences) {
    if (ours != theirs) {
      differences.add("%s %d in the folder, %d there".formatted(what, ours, theirs));
    }
  }

  /// What an export would say of the tokenizer, against what the file says.
  private void metadata(Patient patient, Path path, List<Finding> findings) {
    ModelConfig config = patient.config().value();
    if (!patient.isFolder() || config == null) {
      return;
    }
    try (GgufFile file = GgufFile.open(path)) {
      GgufMetadata theirs = file.metadata();
      GgufMetadata ours = GgufVocabulary.fromFolder(patient.path(), config.vocabSize());
      for (String key : TOKENIZER_KEYS) {
        String full = "tokenizer.ggml." + key;
        String expected = String.valueOf(ours.get(full));
        String found = String.valueOf(theirs.get(full));
        if (ours.has(full) && !expected.equals(found) && !sameWords(key, ours, theirs)) {
          findings.add(
              Finding.error(
                  "token-agreement",
                  "%s says %s = %s; an export of the folder says %s"
                      .formatted(path, full, found, expected),
                  EXPORT));
        }
      }
    } catch (UserException e) {
      findings.add(Finding.warning("token-agreement", e.getMessage() + "", EXPORT));
    }
  }

  /// Several names stand for one way of cutting words.
  private static boolean sameWords(String key, GgufMetadata ours, GgufMetadata theirs) {
    if (!key.equals("pre")) {
      return false;
    }
    return Objects.equals(
        GgufVocabulary.tokenizerJson(ours).get("pre_tokenizer"),
        GgufVocabulary.tokenizerJson(theirs).get("pre_tokenizer"));
  }

  private void tokens(Patient patient, Path file, List<Finding> findings) {
    Tokenizer ours = patient.tokenizer().value();
    if (ours == null) {
      return;
    }
    Attempt<GgufText> attempt = Attempt.of(() -> GgufText.open(file));
    @Nullable GgufText theirs = attempt.value();
    if (theirs == null) {
      findings.add(Finding.error("token-agreement", attempt.failure() + "", EXPORT));
      return;
    }
    try (theirs) {
      List<String> differences = TextComparison.of(patient, ours, theirs, file.getFileName() + "");
      if (!differences.isEmpty()) {
        findings.add(Finding.error("token-agreement", Shown.list(differences), EXPORT));
      }
    }
  }
}
