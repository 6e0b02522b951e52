package dev.fettle.checkpoint.sentencepiece;

import dev.fettle.tensor.UserException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.BitSet;
import java.util.Deque;

/// A compiled map of character sequences to replacements, as SentencePiece stores it: the length in
/// bytes of a double-array trie (4 bytes, little-endian), the trie (4 bytes per unit), and the
/// replacements, each ended by a zero byte. Source: sentencepiece, `src/normalizer.cc`;
/// darts-clone, `darts.h`.
///
/// The tokenizers library believes all of it and ends the process when an index is wrong, so it is
/// looked through before.
public final class CharsMap {
  private static final int BYTES = 256;
  private static final int LABEL = (1 << 31) | 0xFF;
  private static final int VALUE = Integer.MAX_VALUE;

  private final IntBuffer trie;
  private final ByteBuffer replacements;
  private final String source;

  private CharsMap(IntBuffer trie, ByteBuffer replacements, String source) {
    this.trie = trie;
    this.replacements = replacements;
    this.source = source;
  }

  /// @param source the file, for the message
  /// @throws UserException if some text would lead beyond the map
  public static void check(byte[] map, String source) {
    ByteBuffer bytes = ByteBuffer.wrap(map).order(ByteOrder.LITTLE_ENDIAN);
    long size = map.length < Integer.BYTES ? -1 : Integer.toUnsignedLong(bytes.getInt());
    if (size < Integer.BYTES || size % Integer.BYTES != 0 || size > bytes.remaining()) {
      throw malformed(source);
    }
    IntBuffer trie = bytes.slice(4, (int) size).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer();
    ByteBuffer rest = bytes.slice(4 + (int) size, map.length - 4 - (int) size);
    try {
      StandardCharsets.UTF_8.newDecoder().decode(rest.duplicate());
    } catch (CharacterCodingException e) {
      throw new UserException(damaged(source), e);
    }
    new CharsMap(trie, rest, source).walk();
  }

  /// Visits every place of the trie that a text can lead to.
  private void walk() {
    BitSet seen = new BitSet(trie.capacity());
    Deque<Integer> open = new ArrayDeque<>();
    visit(offset(trie.get(0)), seen, open);
    while (!open.isEmpty()) {
      int place = open.pop();
      for (int c = 1; c < BYTES; c++) {
        int unit = trie.get(inside(place ^ c));
        if ((unit & LABEL) == c) {
          int next = place ^ c ^ offset(unit);
          if ((unit >>> 8 & 1) == 1) {
            replacement(trie.get(inside(next)) & VALUE);
          }
          visit(next, seen, open);
        }
      }
    }
  }

  private void visit(int place, BitSet seen, Deque<Integer> open) {
    // what is reached from here lies in the same block of 256
    inside(place | BYTES - 1);
    if (!seen.get(place)) {
      seen.set(place);
      open.push(place);
    }
  }

  private static int offset(int unit) {
    return unit >>> 10 << ((unit & 1 << 9) >>> 6);
  }

  private int inside(int place) {
    if (place < 0 || place >= trie.capacity()) {
      throw malformed(source);
    }
    return place;
  }

  /// A replacement begins at a whole character.
  private void replacement(int start) {
    boolean inside = start >= 0 && start <= replacements.capacity();
    if (!inside || start < replacements.capacity() && (replacements.get(start) & 0xC0) == 0x80) {
      throw malformed(source);
    }
  }

  private static UserException malformed(String source) {
    return new UserException(damaged(source));
  }

  private static String damaged(String source) {
    return "The map of characters (precompiled_charsmap) in "
        + source
        + " is damaged; fetch the file again.";
  }
}
