package dev.fettle.text;

import dev.fettle.tensor.UserException;
import dev.fettle.text.records.DataStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/// Plain text: the whole file is tokenized once, with special tokens, and cut into consecutive
/// blocks, as `group_texts` of transformers' `run_clm.py` does.
///
/// The tail stays as a shorter block if it has at least two tokens. A file of more than [#PIECE]
/// characters is tokenized in pieces that end at a line end, so that it need not fit into memory;
/// up to that it is not, since a merge may cross any place where it could be cut.
final class TextReader {
  /// Characters that are tokenized at once.
  static final int PIECE = 32 << 20;

  private TextReader() {}

  /// Takes a block and its number from 1; says whether it wants another.
  interface Sink {
    boolean accept(Sample block, long number);
  }

  static void read(Path file, Tokenizer tokenizer, int seqLength, Sink sink) {
    read(file, tokenizer, seqLength, PIECE, sink);
  }

  static void read(Path file, Tokenizer tokenizer, int seqLength, int piece, Sink sink) {
    Blocks blocks = new Blocks(seqLength, sink);
    boolean unused = DataStream.read(file, in -> pieces(file, in, tokenizer, piece, blocks));
    blocks.end();
    if (blocks.number == 0) {
      throw new UserException(
          file
              + " has "
              + blocks.tokens
              + " tokens; expected at least 2, so that one predicts the next.");
    }
  }

  private static boolean pieces(
      Path file, InputStream in, Tokenizer tokenizer, int piece, Blocks blocks) throws IOException {
    Reader reader =
        new InputStreamReader(
            in, StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT));
    StringBuilder text = new StringBuilder();
    char[] buffer = new char[1 << 16];
    boolean first = true;
    try {
      for (int n = reader.read(buffer); n >= 0 && blocks.wanted; n = reader.read(buffer)) {
        text.append(buffer, 0, n);
        int end = text.length() < piece ? 0 : text.lastIndexOf("\n") + 1;
        if (end > 0) {
          blocks.add(tokenizer.encode(text.substring(0, end), first));
          first = false;
          text.delete(0, end);
        }
      }
    } catch (CharacterCodingException e) {
      throw new UserException(file + " is not UTF-8; convert it, for example with iconv.", e);
    }
    if (blocks.wanted && (first || !text.isEmpty())) {
      blocks.add(tokenizer.encode(text.toString(), first));
    }
    return true;
  }

  /// Cuts a stream of tokens.
  private static final class Blocks {
    private final Sink sink;
    private final int seqLength;
    private int[] block;
    private int filled;
    private long tokens;
    private long number;
    private boolean wanted = true;

    Blocks(int seqLength, Sink sink) {
      this.sink = sink;
      this.seqLength = seqLength;
      this.block = new int[Math.min(seqLength, 1 << 12)];
    }

    void add(int[] ids) {
      tokens += ids.length;
      for (int at = 0; at < ids.length && wanted; ) {
        int count = Math.min(seqLength - filled, ids.length - at);
        if (filled + count > block.length) {
          block =
              Arrays.copyOf(block, Math.min(seqLength, Math.max(filled + count, 2 * block.length)));
        }
        System.arraycopy(ids, at, block, filled, count);
        filled += count;
        at += count;
        if (filled == seqLength) {
          end();
        }
      }
    }

    /// Gives away what there is, if it has something to predict.
    void end() {
      if (filled >= 2 && wanted) {
        number++;
        wanted = sink.accept(Sample.unmasked(Arrays.copyOf(block, filled)), number);
      }
      filled = 0;
    }
  }
}
