package dev.fettle.checkpoint.family;

import dev.fettle.checkpoint.Family;
import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.stream.Collectors;

/// The supported model families.
public final class Families {
  /// Every family, in the order messages name them.
  public static final List<Family> ALL =
      List.of(
          new Llama(),
          new Mistral(),
          new Qwen2(),
          new Qwen3(),
          new Gemma(),
          new Gemma2(),
          new Gemma3(),
          new Phi3(),
          new SmolLm3(),
          new Granite());

  private Families() {}

  /// @param modelType the value of `model_type`
  /// @param source the file, for messages
  /// @throws UserException if the family is not supported
  public static Family of(String modelType, String source) {
    return ALL.stream()
        .filter(family -> family.modelType().equals(modelType))
        .findFirst()
        .orElseThrow(() ->
            new UserException(
                "model_type '%s' in %s is not supported yet; supported: %s."
                    .formatted(
                        modelType,
                        source,
                        ALL.stream().map(Family::modelType).collect(Collectors.joining(", ")))));
  }
}
