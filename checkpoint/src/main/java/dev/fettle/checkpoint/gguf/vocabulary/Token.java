package dev.fettle.checkpoint.gguf.vocabulary;

import java.util.regex.Pattern;

/// One token of a vocabulary; its place in the list is its id.
///
/// @param text as GGUF holds it: normal tokens in the alphabet of their algorithm, added ones as
///   they stand in a text
/// @param lstrip whether white space before the token belongs to it
/// @param rstrip whether white space after the token belongs to it
record Token(String text, TokenType type, boolean lstrip, boolean rstrip) {
  private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");

  Token(String text, TokenType type) {
    this(text, type, false, false);
  }

  /// What fills a row of the embedding that no token of the tokenizer claims, named as llama.cpp's
  /// converter does.
  static Token padding(int id) {
    return new Token(paddingText(id), TokenType.UNUSED);
  }

  /// Whether this is [#padding] of that row.
  boolean isPadding(int id) {
    return type == TokenType.UNUSED && text.equals(paddingText(id));
  }

  private static String paddingText(int id) {
    return "[PAD" + id + "]";
  }

  /// Whether a token reads like a byte, such as `<0x0A>`.
  static boolean looksLikeByte(String text) {
    return BYTE.matcher(text).matches();
  }
}
