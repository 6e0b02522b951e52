package dev.fettle.checkpoint.gguf.vocabulary;

import java.util.List;

/// How text becomes tokens: the two algorithms that decoders of our families use.
sealed interface Algorithm {

  /// SentencePiece's byte-pair encoding, `tokenizer.ggml.model` = `llama`: the neighbours whose
  /// union has the highest score are joined first; what has no token is spelt in bytes.
  ///
  /// @param scores one per token
  /// @param spacePrefix whether a space is put in front of each piece of text
  record ScoredPieces(float[] scores, boolean spacePrefix) implements Algorithm {}

  /// Byte-level byte-pair encoding, `tokenizer.ggml.model` = `gpt2`: text is cut into words, and
  /// pairs of a list are joined in the order of the list.
  ///
  /// @param preTokenizer how text is cut, under its name in `tokenizer.ggml.pre`
  /// @param merges pairs separated by a space
  /// @param composed whether text is brought into Unicode's composed form (NFC) first. llama.cpp
  ///   has no such step, so it reads decomposed text differently.
  record RankedMerges(String preTokenizer, List<String> merges, boolean composed)
      implements Algorithm {}
}
