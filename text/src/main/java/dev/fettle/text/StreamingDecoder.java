package dev.fettle.text;

import java.util.Arrays;
import java.util.BitSet;
import java.util.function.Function;

/// Turns token ids into text as they arrive.
///
/// The pieces never hold half a character, and joined with [#flush] they are exactly the text that
/// decoding all ids at once gives. For that a piece is held back while
///
/// * it ends in U+FFFD, the sign of a UTF-8 sequence that the next token may complete, or
/// * it ends in byte tokens (`<0xE2>`): the ByteFallback decoder judges a run of them as a whole.
///
/// Only a window of recent tokens is decoded each time. The window starts with tokens whose text
/// has been printed and is not empty, since decoders treat the first piece of a text differently.
///
/// Not for use by several threads.
public final class StreamingDecoder {
  private static final char REPLACEMENT = '\uFFFD';

  private final Function<int[], String> decode;
  private final BitSet printing;
  private final BitSet byteTokens;
  private int[] window;
  private int length;

  /// How many tokens and how many characters of the window have been printed.
  private int printedTokens;

  private int printedChars;

  /// @param decode ids to text, without special tokens
  StreamingDecoder(
      Function<int[], String> decode, BitSet printing, BitSet byteTokens, int[] context) {
    this.decode = decode;
    this.printing = printing;
    this.byteTokens = byteTokens;
    this.window = Arrays.stream(context).filter(printing::get).toArray();
    this.length = window.length;
    this.printedTokens = length;
    this.printedChars = text().length();
  }

  /// The text that `id` completes; empty while more tokens are needed.
  public String next(int id) {
    if (!printing.get(id)) {
      return "";
    }
    if (length == window.length) {
      window = Arrays.copyOf(window, 2 * length + 16);
    }
    window[length++] = id;
    if (byteTokens.get(id)) {
      return "";
    }
    String text = text();
    if (text.length() <= printedChars || text.charAt(text.length() - 1) == REPLACEMENT) {
      return "";
    }
    return print(text);
  }

  /// What is still held back, complete or not.
  public String flush() {
    String text = text();
    return text.length() <= printedChars ? "" : print(text);
  }

  private String print(String text) {
    String piece = text.substring(printedChars);
    int[] fresh = Arrays.copyOfRange(window, printedTokens, length);
    String freshText = decode.apply(fresh);
    if (freshText.isEmpty()) {
      printedChars = text.length();
    } else {
      window = fresh;
      length = fresh.length;
      printedChars = freshText.length();
    }
    printedTokens = length;
    return piece;
  }

  private String text() {
    return length == 0 ? "" : decode.apply(Arrays.copyOf(window, length));
  }
}
