package dev.fettle.demo.pretrain;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.IntStream;

/// The printable character that stands for each byte in a byte-level vocabulary, as GPT-2
/// introduced it (`bytes_to_unicode` in openai/gpt-2 `src/encoder.py`): printable bytes stand for
/// themselves, the others for U+0100 and up in order.
final class ByteAlphabet {
  private static final String[] SYMBOLS = symbols();

  private ByteAlphabet() {}

  /// All 256 symbols in the order of their code points.
  static List<String> sorted() {
    return IntStream.range(0, 256).mapToObj(b -> SYMBOLS[b]).sorted().toList();
  }

  /// The symbols of the UTF-8 bytes of `text`.
  static List<String> spell(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return IntStream.range(0, bytes.length).mapToObj(i -> SYMBOLS[bytes[i] & 0xFF]).toList();
  }

  private static String[] symbols() {
    String[] symbols = new String[256];
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      symbols[b] = String.valueOf((char) (printable ? b : next++));
    }
    return symbols;
  }
}
