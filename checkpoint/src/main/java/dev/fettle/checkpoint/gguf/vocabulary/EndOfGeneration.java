package dev.fettle.checkpoint.gguf.vocabulary;

import java.util.Set;

/// Tokens that llama.cpp takes for the end of a text or turn by how they read, whatever the
/// metadata says. Source: llama.cpp, `src/llama-vocab.cpp`, `special_eog_ids`.
final class EndOfGeneration {
  private static final Set<String> TEXTS =
      Set.of(
          "<|eot_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "</s>",
          "<|eom_id|>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "[EOS]",
          "<|end_of_text|>",
          "<end_of_utterance>",
          "<eos>",
          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>");

  private EndOfGeneration() {}

  static boolean isKnown(String text) {
    return TEXTS.contains(text);
  }
}
