package dev.fettle.lora;

import dev.fettle.checkpoint.NamePattern;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The configuration of an adapter; names, meaning and defaults as in PEFT's `LoraConfig`, except
/// that the default target is every linear layer.
///
/// @param r rank of the update
/// @param loraAlpha the update is scaled by `lora_alpha / r`
/// @param loraDropout probability that an input of A is zeroed while training
/// @param targetModules which layers are adapted
/// @param useRslora scale by `lora_alpha / sqrt(r)` instead; Kalajdzievski 2023, arXiv:2312.03732
/// @param useDora decompose into magnitude and direction; Liu et al. 2024, arXiv:2402.09353
/// @param rankPattern layers (names or regular expressions) with another rank; of several that
///   match, the first counts
/// @param alphaPattern layers with another alpha
/// @param bias which biases of the base are trained too
/// @param loraBias whether B has a bias
/// @param modulesToSave modules that are trained as a whole and stored beside the adapter: every
///   module whose path ends with one of these
/// @param trainableTokenIndices rows of the embedding (`embed_tokens`) or the head (`lm_head`) that
///   are trained, by the module's name
/// @param ensureWeightTying keeps a tied head tied when the embedding is in `modulesToSave`
/// @param initLoraWeights how a fresh adapter starts
/// @param baseModel path or name of the base model, or null
public record LoraConfig(
    int r,
    double loraAlpha,
    double loraDropout,
    TargetModules targetModules,
    boolean useRslora,
    boolean useDora,
    Map<String, Integer> rankPattern,
    Map<String, Double> alphaPattern,
    TrainedBias bias,
    boolean loraBias,
    List<String> modulesToSave,
    Map<String, List<Integer>> trainableTokenIndices,
    boolean ensureWeightTying,
    LoraInit initLoraWeights,
    @Nullable String baseModel) {

  /// @throws UserException if a value is outside its range
  public LoraConfig {
    if (r < 1) {
      throw new UserException("lora_r must be 1 or more, not " + r + ".");
    }
    if (!(loraDropout >= 0 && loraDropout < 1)) {
      throw new UserException(
          "lora_dropout must be at least 0 and below 1, not " + loraDropout + ".");
    }
    if (!Double.isFinite(loraAlpha) || loraAlpha <= 0) {
      throw new UserException("lora_alpha must be above 0, not " + loraAlpha + ".");
    }
    if (loraBias && useDora) {
      throw new UserException("lora_bias does not go with use_dora; leave one of them out.");
    }
    if (loraBias && initLoraWeights == LoraInit.GAUSSIAN) {
      throw new UserException("lora_bias goes with init_lora_weights true or false only.");
    }
    rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
    alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
    rankPattern.forEach((name, rank) -> {
      if (rank < 1) {
        throw new UserException(
            "rank_pattern['%s'] must be 1 or more, not %d.".formatted(name, rank));
      }
    });
    modulesToSave = List.copyOf(modulesToSave);
    if (modulesToSave.stream().anyMatch(String::isBlank)) {
      throw new UserException("modules_to_save holds an empty name; name modules such as lm_head.");
    }
    Map<String, List<Integer>> tokens = new LinkedHashMap<>();
    trainableTokenIndices.forEach((module, ids) -> tokens.put(module, distinct(module, ids)));
    trainableTokenIndices = Collections.unmodifiableMap(tokens);
  }

  private static List<Integer> distinct(String module, List<Integer> ids) {
    if (ids.isEmpty() || new HashSet<>(ids).size() != ids.size()) {
      throw new UserException(
          "trainable_token_indices of '%s' must be token ids, each once, not %s."
              .formatted(module, ids.size() > 8 ? "a list with repetitions" : ids));
    }
    return List.copyOf(ids);
  }

  /// PEFT's `LoraConfig` as `save_pretrained` and `to_dict` write it, to train a fresh adapter
  /// with.
  ///
  /// @param source where it is from, for messages
  /// @throws UserException naming the key that has another type or cannot be honoured
  public static LoraConfig ofPeft(ObjectNode json, String source) {
    return PeftConfigJson.read(json, source);
  }

  /// An adapter of one rank everywhere.
  public static LoraConfig of(int r, double loraAlpha, TargetModules targetModules) {
    return builder(r, loraAlpha, targetModules).build();
  }

  /// Starts from plain LoRA of one rank.
  public static Builder builder(int r, double loraAlpha, TargetModules targetModules) {
    return new Builder(r, loraAlpha, targetModules);
  }

  /// Sets what differs from plain LoRA.
  public static final class Builder {
    private final int r;
    private final double loraAlpha;
    private final TargetModules targetModules;
    private double loraDropout;
    private boolean useRslora;
    private boolean useDora;
    private Map<String, Integer> rankPattern = Map.of();
    private Map<String, Double> alphaPattern = Map.of();
    private TrainedBias bias = TrainedBias.NONE;
    private boolean loraBias;
    private List<String> modulesToSave = List.of();
    private Map<String, List<Integer>> trainableTokenIndices = Map.of();
    private boolean ensureWeightTying;
    private LoraInit initLoraWeights = LoraInit.STANDARD;
    private @Nullable String baseModel;

    private Builder(int r, double loraAlpha, TargetModules targetModules) {
      this.r = r;
      this.loraAlpha = loraAlpha;
      this.targetModules = targetModules;
    }

    public Builder loraDropout(double value) {
      loraDropout = value;
      return this;
    }

    public Builder useRslora(boolean value) {
      useRslora = value;
      return this;
    }

    public Builder useDora(boolean value) {
      useDora = value;
      return this;
    }

    public Builder rankPattern(Map<String, Integer> value) {
      rankPattern = value;
      return this;
    }

    public Builder alphaPattern(Map<String, Double> value) {
      alphaPattern = value;
      return this;
    }

    public Builder bias(TrainedBias value) {
      bias = value;
      return this;
    }

    public Builder loraBias(boolean value) {
      loraBias = value;
      return this;
    }

    public Builder modulesToSave(List<String> value) {
      modulesToSave = value;
      return this;
    }

    public Builder trainableTokenIndices(Map<String, List<Integer>> value) {
      trainableTokenIndices = value;
      return this;
    }

    public Builder ensureWeightTying(boolean value) {
      ensureWeightTying = value;
      return this;
    }

    public Builder initLoraWeights(LoraInit value) {
      initLoraWeights = value;
      return this;
    }

    public Builder baseModel(@Nullable String value) {
      baseModel = value;
      return this;
    }

    /// @throws UserException if a value is outside its range
    public LoraConfig build() {
      return new LoraConfig(
          r,
          loraAlpha,
          loraDropout,
          targetModules,
          useRslora,
          useDora,
          rankPattern,
          alphaPattern,
          bias,
          loraBias,
          modulesToSave,
          trainableTokenIndices,
          ensureWeightTying,
          initLoraWeights,
          baseModel);
    }
  }

  public LoraConfig withBaseModel(@Nullable String base) {
    return new LoraConfig(
        r,
        loraAlpha,
        loraDropout,
        targetModules,
        useRslora,
        useDora,
        rankPattern,
        alphaPattern,
        bias,
        loraBias,
        modulesToSave,
        trainableTokenIndices,
        ensureWeightTying,
        initLoraWeights,
        base);
  }

  /// What this configuration uses beyond pairs of matrices on linear layers of the blocks, by its
  /// names in PEFT; empty for plain LoRA and rsLoRA.
  public List<String> beyondPlainLora() {
    List<String> used = new ArrayList<>();
    if (useDora) {
      used.add("use_dora");
    }
    if (loraBias) {
      used.add("lora_bias");
    }
    if (bias != TrainedBias.NONE) {
      used.add("bias=" + bias.text());
    }
    if (!modulesToSave.isEmpty()) {
      used.add("modules_to_save");
    }
    if (!trainableTokenIndices.isEmpty()) {
      used.add("trainable_token_indices");
    }
    if (targetModules.matchesOutside(AdapterPlan.EMBEDDING)
        || targetModules.matchesOutside(AdapterPlan.HEAD)) {
      used.add("target_modules on the embedding or the head");
    }
    return used;
  }

  /// The rank of one layer.
  public int rankOf(String path) {
    Integer special = lookUp(rankPattern, path);
    return special == null ? r : special;
  }

  /// What the update `B · A` of one layer is multiplied with.
  public double scaleOf(String path) {
    Double special = lookUp(alphaPattern, path);
    double alpha = special == null ? loraAlpha : special;
    int rank = rankOf(path);
    return useRslora ? alpha / Math.sqrt(rank) : alpha / rank;
  }

  /// PEFT's rule: the pattern must match the end of the path, at a dot.
  private static <T> @Nullable T lookUp(Map<String, T> patterns, String path) {
    for (Map.Entry<String, T> entry : patterns.entrySet()) {
      if (matchesTail(entry.getKey(), path)) {
        return entry.getValue();
      }
    }
    return null;
  }

  private static boolean matchesTail(String pattern, String path) {
    return NamePattern.compile("(.*\\.)?(" + pattern + ")", "A name pattern of an adapter")
        .matches(path);
  }
}
