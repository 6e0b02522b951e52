package dev.fettle.lora;

import dev.fettle.tensor.UserException;

/// How a fresh adapter starts; PEFT's `init_lora_weights`. Starts that change the base weights
/// (PiSSA, OLoRA, LoftQ) or look at data (EVA, CorDA) are not among them.
public enum LoraInit {
  /// A uniform in ±1/√in, B zero; on an embedding A zero, B normal. The model starts unchanged.
  STANDARD("true"),
  /// A normal with standard deviation 1/r, B zero.
  GAUSSIAN("gaussian"),
  /// A uniform in ±1/√in, B in ±1/√r: the model starts changed; for tests.
  RANDOM("false");

  private final String text;

  LoraInit(String text) {
    this.text = text;
  }

  /// As in `adapter_config.json`.
  public String text() {
    return text;
  }

  /// @throws UserException if there is no such start
  public static LoraInit parse(String text) {
    for (LoraInit init : values()) {
      if (init.text.equals(text)) {
        return init;
      }
    }
    throw new UserException(
        "init_lora_weights is '%s'; expected true, false or gaussian: other starts change the base weights or need data, so start such an adapter in PEFT and go on from it with --initial-adapter."
            .formatted(text));
  }
}
