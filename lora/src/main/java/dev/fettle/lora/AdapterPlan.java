package dev.fettle.lora;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPart.Tokens;
import dev.fettle.lora.AdapterPart.Whole;
import dev.fettle.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/// Everything an adapter of one configuration does to one model, as PEFT would place it.
///
/// @param lowRanks low-rank updates in the model's order: the embedding, linear layers, the head
/// @param wholes tensors held in full
/// @param tokens replaced rows
public record AdapterPlan(List<LowRank> lowRanks, List<Whole> wholes, List<Tokens> tokens) {
  /// Path of the embedding.
  public static final String EMBEDDING = "model.embed_tokens";

  /// Path of the output head.
  public static final String HEAD = "lm_head";

  public AdapterPlan {
    lowRanks = List.copyOf(lowRanks);
    wholes = List.copyOf(wholes);
    tokens = List.copyOf(tokens);
  }

  /// As PEFT takes a configuration: names in `target_modules` may match nothing, as long as one
  /// matches.
  ///
  /// @throws dev.fettle.tensor.UserException if the configuration names nothing that the model has,
  ///   or combines what PEFT does not
  public static AdapterPlan of(LoraConfig config, Architecture architecture) {
    return new AdapterPlanner(config, architecture, false).plan();
  }

  /// As [#of], for names that a person has just written: each must match something, so that a
  /// misspelt one is found before the training.
  public static AdapterPlan ofWritten(LoraConfig config, Architecture architecture) {
    return new AdapterPlanner(config, architecture, true).plan();
  }

  /// All parts, low-rank updates first.
  public List<AdapterPart> parts() {
    List<AdapterPart> parts = new ArrayList<>(lowRanks);
    parts.addAll(wholes);
    parts.addAll(tokens);
    return parts;
  }

  /// Paths of the layers with a low-rank update.
  public List<String> targets() {
    return lowRanks.stream().map(LowRank::path).toList();
  }

  /// Number of trained values; what is tied counts once.
  public long parameterCount() {
    return parts().stream()
        .filter(part -> !(part instanceof Whole whole && whole.tiedTo() != null))
        .flatMap(part -> part.tensors().values().stream())
        .mapToLong(Shape::elements)
        .sum();
  }

  /// The part at a path.
  ///
  /// @throws IllegalArgumentException if there is none
  LowRank lowRank(String path) {
    return lowRanks.stream()
        .filter(part -> part.path().equals(path))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no adapter at " + path));
  }

  /// Whether the merged model's head differs from its embedding though the base ties them.
  ///
  /// @param architecture of the base
  boolean unties(Architecture architecture) {
    if (!architecture.config().tieWordEmbeddings()) {
      return false;
    }
    boolean wholeTied = wholes.stream().anyMatch(part -> Objects.nonNull(part.tiedTo()));
    boolean whole =
        wholes.stream()
            .anyMatch(part ->
                part.tensor().equals(Architecture.EMBEDDING)
                    || part.tensor().equals(Architecture.OUTPUT_HEAD));
    boolean lowRank = targets().contains(EMBEDDING) || targets().contains(HEAD);
    boolean rows = tokens.stream().anyMatch(part -> !part.andHead());
    return lowRank || (whole && !wholeTied) || rows;
  }
}
