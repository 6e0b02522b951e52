package dev.fettle.text.records;

/// The prompt of Stanford Alpaca (Taori et al. 2023, `train.py`, `PROMPT_DICT`), with the line end
/// behind `### Response:` that its published data set and most tools have.
final class AlpacaPrompt {
  private static final String WITH_INPUT =
      """
      Below is an instruction that describes a task, paired with an input that provides further \
      context. Write a response that appropriately completes the request.

      ### Instruction:
      %s

      ### Input:
      %s

      ### Response:
      """;

  private static final String WITHOUT_INPUT =
      """
      Below is an instruction that describes a task. Write a response that appropriately completes \
      the request.

      ### Instruction:
      %s

      ### Response:
      """;

  private AlpacaPrompt() {}

  /// @param input further context; empty for none
  static String of(String instruction, String input) {
    return input.isEmpty()
        ? WITHOUT_INPUT.formatted(instruction)
        : WITH_INPUT.formatted(instruction, input);
  }
}
