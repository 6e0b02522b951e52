package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// Plain text: the whole file is tokenized once, with special tokens, and cut into consecutive
/// blocks, as `group_texts` of transformers' `run_clm.py` does.
///
/// The tail stays as a shorter block if it has at least two tokens. The file is not tokenized in
/// pieces: a merge may cross any place where it could be cut.
final class TextReader {
  private TextReader() {}

  static Dataset read(Path file, Tokenizer tokenizer, int seqLength) {
    int[] ids = tokenizer.encode(text(file), true);
    List<Sample> blocks = new ArrayList<>();
    for (int start = 0; ids.length - start >= 2; start += seqLength) {
      int end = Math.min(ids.length, start + seqLength);
      blocks.add(Sample.unmasked(Arrays.copyOfRange(ids, start, end)));
    }
    if (blocks.isEmpty()) {
      throw new UserException(
          file
              + " has "
              + ids.length
              + " tokens; expected at least 2, so that one predicts the next.");
    }
    return Dataset.of(blocks);
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new UserException("Data file " + file + " does not exist; check the path.", e);
    } catch (CharacterCodingException e) {
      throw new UserException(file + " is not UTF-8; convert it, for example with iconv.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }
}
