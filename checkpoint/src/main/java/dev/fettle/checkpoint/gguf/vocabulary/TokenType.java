package dev.fettle.checkpoint.gguf.vocabulary;

/// What a token is, under `tokenizer.ggml.token_type`. Source: llama.cpp, `include/llama.h`,
/// `llama_token_type`.
enum TokenType {
  /// A piece of text.
  NORMAL(1),
  /// Stands for text that no other token can hold.
  UNKNOWN(2),
  /// Steers the model and prints nothing.
  CONTROL(3),
  /// A piece of text that is found before any other.
  USER_DEFINED(4),
  /// A row of the embedding without a meaning.
  UNUSED(5),
  /// One byte, written `<0x0A>`.
  BYTE(6);

  private final int id;

  TokenType(int id) {
    this.id = id;
  }

  int id() {
    return id;
  }

  /// The type with this number; numbers without a meaning count as normal.
  static TokenType of(long id) {
    for (TokenType type : values()) {
      if (type.id == id) {
        return type;
      }
    }
    return NORMAL;
  }

  /// Whether the token is looked for in the text before anything else happens to it.
  boolean isAdded() {
    return switch (this) {
      case UNKNOWN, CONTROL, USER_DEFINED -> true;
      case NORMAL, UNUSED, BYTE -> false;
    };
  }

  /// Whether decoding leaves the token out when special tokens are skipped.
  boolean isSpecial() {
    return this == CONTROL || this == UNKNOWN;
  }
}
