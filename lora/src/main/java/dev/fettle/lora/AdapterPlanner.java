package dev.fettle.lora;

import static dev.fettle.lora.AdapterPlan.EMBEDDING;
import static dev.fettle.lora.AdapterPlan.HEAD;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.NamePattern;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPart.Tokens;
import dev.fettle.lora.AdapterPart.Whole;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Finds out what a configuration means for a model, by the rules of PEFT 0.21 (its `LoraModel`,
/// `BaseTuner` and `set_additional_trainable_modules`).
final class AdapterPlanner {
  private final LoraConfig config;
  private final Architecture architecture;
  private final boolean everyName;
  private final boolean tied;
  private final long vocab;
  private final long hidden;

  /// @param everyName whether each name in `target_modules` must match something
  AdapterPlanner(LoraConfig config, Architecture architecture, boolean everyName) {
    this.config = config;
    this.everyName = everyName;
    this.architecture = architecture;
    this.tied = architecture.config().tieWordEmbeddings();
    this.vocab = architecture.config().vocabSize();
    this.hidden = architecture.config().hiddenSize();
  }

  AdapterPlan plan() {
    List<LowRank> lowRanks = lowRanks();
    Set<String> targets = new HashSet<>(lowRanks.stream().map(LowRank::path).toList());
    List<Whole> wholes = new ArrayList<>(savedModules());
    Set<String> whole = new HashSet<>(wholes.stream().map(Whole::tensor).toList());
    wholes.addAll(biases(targets, whole));
    return new AdapterPlan(lowRanks, wholes, tokens(targets, whole));
  }

  private List<LowRank> lowRanks() {
    List<LinearModule> linears = architecture.linears();
    List<String> paths = linears.stream().map(LinearModule::name).toList();
    List<String> selected = config.targetModules().select(paths, norms(), everyName);
    List<LowRank> found = new ArrayList<>();
    boolean both = bothEndsTied(selected);
    if (both || selected.contains(EMBEDDING)) {
      addUnlessSaved(found, EMBEDDING, vocab, hidden, false);
    }
    for (LinearModule module : linears) {
      if (selected.contains(module.name())) {
        addUnlessSaved(
            found, module.name(), module.inFeatures(), module.outFeatures(), module.bias());
      }
    }
    if (both || selected.contains(HEAD)) {
      addUnlessSaved(found, HEAD, hidden, vocab, false);
    }
    if (found.isEmpty()) {
      throw new UserException(
          "modules_to_save %s leaves no layer of target_modules '%s'; PEFT does not allow that."
              .formatted(config.modulesToSave(), config.targetModules().text()));
    }
    return found;
  }

  private List<String> norms() {
    return architecture.tensors().stream()
        .filter(tensor -> tensor.shape().rank() == 1 && tensor.name().endsWith(".weight"))
        .map(tensor -> tensor.name().substring(0, tensor.name().length() - ".weight".length()))
        .toList();
  }

  /// With `ensure_weight_tying` PEFT adapts both ends of a tied embedding if one is named.
  private boolean bothEndsTied(List<String> selected) {
    return config.ensureWeightTying()
        && tied
        && savesNeitherEnd()
        && (selected.contains(EMBEDDING) || selected.contains(HEAD));
  }

  private boolean savesNeitherEnd() {
    return config.modulesToSave().stream().noneMatch(AdapterPlanner::namesAnEnd);
  }

  private static boolean namesAnEnd(String module) {
    String last = module.substring(module.lastIndexOf('.') + 1);
    return last.equals("embed_tokens") || last.equals(HEAD);
  }

  private void addUnlessSaved(
      List<LowRank> found, String path, long in, long out, boolean baseBias) {
    if (config.modulesToSave().stream().anyMatch(name -> covers(name, path))) {
      return;
    }
    boolean embedding = path.equals(EMBEDDING);
    if (embedding && config.loraBias()) {
      throw new UserException(
          "lora_bias does not go with target_modules that hold the embedding; leave one out.");
    }
    found.add(
        new LowRank(
            path,
            embedding,
            in,
            out,
            config.rankOf(path),
            config.scaleOf(path),
            config.useDora(),
            config.loraBias(),
            baseBias));
  }

  /// PEFT's rule for what a module in `modules_to_save` keeps from being adapted.
  private static boolean covers(String name, String path) {
    return NamePattern.compile("(^|.*\\.)" + name + "($|\\..*)", "A name in modules_to_save")
            .lookingAt(path)
        != null;
  }

  private List<Whole> savedModules() {
    List<TensorInfo> tensors = new ArrayList<>(architecture.tensors());
    if (tied) {
      tensors.add(
          new TensorInfo(
              Architecture.OUTPUT_HEAD, tensors.getFirst().dtype(), Shape.of(vocab, hidden)));
    }
    boolean keepTied = tied && config.ensureWeightTying() && !savesNeitherEnd();
    Set<String> used = new HashSet<>();
    List<Whole> wholes = new ArrayList<>();
    for (TensorInfo tensor : tensors) {
      boolean end =
          tensor.name().equals(Architecture.EMBEDDING)
              || tensor.name().equals(Architecture.OUTPUT_HEAD);
      if (isSaved(tensor.name(), used) || (keepTied && end)) {
        boolean tiedHead = keepTied && tensor.name().equals(Architecture.OUTPUT_HEAD);
        wholes.add(
            new Whole(
                tensor.name(),
                AdapterPart.PREFIX + tensor.name(),
                tensor.shape(),
                tiedHead ? Architecture.EMBEDDING : null));
      }
    }
    for (String name : config.modulesToSave()) {
      if (!used.contains(name)) {
        throw new UserException(
            "modules_to_save names '%s', which this model does not have; it has modules such as lm_head, embed_tokens, norm, q_proj."
                .formatted(name));
      }
    }
    return wholes;
  }

  /// PEFT saves every module whose path ends with the name, whether or not at a dot.
  private boolean isSaved(String tensor, Set<String> used) {
    boolean saved = false;
    for (int dot = tensor.lastIndexOf('.'); dot > 0; dot = tensor.lastIndexOf('.', dot - 1)) {
      String module = tensor.substring(0, dot);
      for (String name : config.modulesToSave()) {
        if (module.endsWith(name)) {
          used.add(name);
          saved = true;
        }
      }
    }
    return saved;
  }

  private List<Whole> biases(Set<String> targets, Set<String> whole) {
    List<Whole> biases = new ArrayList<>();
    for (LinearModule module : architecture.linears()) {
      boolean adapted = targets.contains(module.name());
      boolean trained =
          switch (config.bias()) {
            case NONE -> false;
            case ALL -> true;
            case LORA_ONLY -> adapted;
          };
      if (trained && module.bias() && !whole.contains(module.biasName())) {
        String key = adapted ? module.name() + ".base_layer.bias" : module.biasName();
        biases.add(
            new Whole(
                module.biasName(), AdapterPart.PREFIX + key, Shape.of(module.outFeatures()), null));
      }
    }
    return biases;
  }

  private List<Tokens> tokens(Set<String> targets, Set<String> whole) {
    @Nullable List<Integer> embedding = null;
    @Nullable List<Integer> head = null;
    for (Map.Entry<String, List<Integer>> entry : config.trainableTokenIndices().entrySet()) {
      if (EMBEDDING.endsWith(entry.getKey())) {
        embedding = entry.getValue();
      } else if (HEAD.endsWith(entry.getKey())) {
        head = entry.getValue();
      } else {
        throw new UserException(
            "trainable_token_indices names '%s'; expected embed_tokens or lm_head."
                .formatted(entry.getKey()));
      }
      checkIds(entry.getKey(), entry.getValue());
    }
    boolean both = tied && embedding != null && (head == null || head.equals(embedding));
    if (tied && config.ensureWeightTying() && embedding != null && head != null && !both) {
      throw new UserException(
          "trainable_token_indices of embed_tokens and lm_head differ, but ensure_weight_tying is set; give the same ids or leave it out.");
    }
    List<Tokens> tokens = new ArrayList<>();
    if (embedding != null) {
      checkFree(EMBEDDING, targets, whole);
      tokens.add(new Tokens(EMBEDDING, embedding, hidden, both));
    }
    if (both || head != null) {
      checkFree(HEAD, targets, whole);
    }
    if (head != null && !both) {
      tokens.add(new Tokens(HEAD, head, hidden, false));
    }
    return tokens;
  }

  private void checkIds(String module, List<Integer> ids) {
    for (int id : ids) {
      if (id < 0 || id >= vocab) {
        throw new UserException(
            "trainable_token_indices of '%s' holds %d; this model's token ids are 0 to %d."
                .formatted(module, id, vocab - 1));
      }
    }
  }

  private static void checkFree(String path, Set<String> targets, Set<String> whole) {
    if (targets.contains(path) || whole.contains(path + ".weight")) {
      throw new UserException(
          "trainable_token_indices and %s both change '%s'; leave it out of one of them."
              .formatted(targets.contains(path) ? "target_modules" : "modules_to_save", path));
    }
  }
}
