package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/// Calls back for every line of a UTF-8 file, one line in memory at a time. Unlike a `Reader`,
/// which decodes ahead, it knows the line that is not UTF-8.
final class Utf8Lines {
  /// Longest line that is read. A file whose line feeds are lost, or a packed one made to unpack
  /// without end, is refused instead of filling the memory.
  static final int LONGEST = 256 << 20;

  private Utf8Lines() {}

  /// Receives one line without its line feed, and its number from 1; false ends the reading.
  interface Consumer {
    boolean accept(String line, long number);
  }

  static void read(Path file, Consumer consumer) {
    long unused = DataStream.read(file, in -> read(file, in, consumer));
  }

  private static long read(Path file, InputStream in, Consumer consumer) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    long number = 1;
    for (int next = in.read(); next >= 0; next = in.read()) {
      if (next == '\n') {
        if (!consumer.accept(decode(line, file, number), number)) {
          return number;
        }
        number++;
        line.reset();
      } else {
        line.write(next);
        checkLength(line, file, number);
      }
    }
    if (line.size() > 0) {
      consumer.accept(decode(line, file, number), number);
    }
    return number;
  }

  private static void checkLength(ByteArrayOutputStream line, Path file, long number) {
    if (line.size() > LONGEST) {
      throw new UserException(
          "%s line %d is longer than %d MB; write one record per line."
              .formatted(file, number, LONGEST >> 20));
    }
  }

  private static String decode(ByteArrayOutputStream line, Path file, long number) {
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(line.toByteArray()))
          .toString();
    } catch (CharacterCodingException e) {
      throw new UserException(
          file + " line " + number + " is not UTF-8; convert the file, for example with iconv.", e);
    }
  }
}
