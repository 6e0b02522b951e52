package dev.fettle.lora;

import dev.fettle.tensor.UserException;
import java.util.Arrays;
import java.util.stream.Collectors;

/// Which biases of the base are trained and stored with the adapter; PEFT's `bias`.
public enum TrainedBias {
  /// None; every bias stays as it is.
  NONE("none"),
  /// Those of every linear layer inside the blocks.
  ALL("all"),
  /// Those of the adapted layers.
  LORA_ONLY("lora_only");

  private final String text;

  TrainedBias(String text) {
    this.text = text;
  }

  /// As in `adapter_config.json`.
  public String text() {
    return text;
  }

  /// @throws UserException if there is no such choice
  public static TrainedBias parse(String text) {
    for (TrainedBias bias : values()) {
      if (bias.text.equals(text)) {
        return bias;
      }
    }
    throw new UserException(
        "bias is '%s'; expected %s."
            .formatted(
                text,
                Arrays.stream(values()).map(TrainedBias::text).collect(Collectors.joining(", "))));
  }
}
