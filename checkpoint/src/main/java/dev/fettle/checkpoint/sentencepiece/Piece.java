package dev.fettle.checkpoint.sentencepiece;

/// One entry of the vocabulary; its id is its place.
///
/// @param score higher is preferred; for unigram models a logarithm of a probability
record Piece(String text, float score, Type type) {

  /// The numbers 1 to 6 of `ModelProto.SentencePiece.Type`.
  enum Type {
    NORMAL,
    UNKNOWN,
    /// Never found in text, such as `<s>`.
    CONTROL,
    /// Found in text before anything else happens to it.
    USER_DEFINED,
    /// Never made, though its parts may be.
    UNUSED,
    BYTE
  }
}
