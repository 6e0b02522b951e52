package dev.fettle.lora;

/// The README of an adapter folder, with the header a model hub reads.
final class AdapterCard {
  private AdapterCard() {}

  static String of(LoraAdapter adapter) {
    LoraConfig config = adapter.config();
    String base = config.baseModel() == null ? "its base model" : config.baseModel();
    return """
    ---
    base_model: %s
    library_name: peft
    tags:
    - lora
    - fettle
    ---

    A LoRA adapter for %s: rank %d, alpha %s%s, on %s (%d layers, %,d trained values).

    Load it with PEFT (`PeftModel.from_pretrained(base, folder)`) or Fettle
    (`fettle generate --model BASE --adapter FOLDER`).
    """
        .formatted(
            base,
            base,
            config.r(),
            config.loraAlpha(),
            (config.useRslora() ? " (rsLoRA)" : "") + (config.useDora() ? " (DoRA)" : ""),
            config.targetModules().text(),
            adapter.targets().size(),
            adapter.parameterCount());
  }
}
