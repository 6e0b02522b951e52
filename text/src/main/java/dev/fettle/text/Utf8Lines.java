package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/// Calls back for every line of a UTF-8 file, one line in memory at a time. Unlike a `Reader`,
/// which decodes ahead, it knows the line that is not UTF-8.
final class Utf8Lines {
  private Utf8Lines() {}

  /// Receives one line without its end, and its number from 1.
  interface Consumer {
    void accept(String line, long number);
  }

  static void read(Path file, Consumer consumer) {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file), 1 << 16)) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      long number = 1;
      for (int next = in.read(); next >= 0; next = in.read()) {
        if (next == '\n') {
          consumer.accept(decode(line, file, number++), number - 1);
          line.reset();
        } else {
          line.write(next);
        }
      }
      if (line.size() > 0) {
        consumer.accept(decode(line, file, number), number);
      }
    } catch (NoSuchFileException e) {
      throw new UserException("Data file " + file + " does not exist; check the path.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  private static String decode(ByteArrayOutputStream line, Path file, long number) {
    try {
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(line.toByteArray()))
              .toString();
      return number == 1 && text.startsWith("\uFEFF") ? text.substring(1) : text;
    } catch (CharacterCodingException e) {
      throw new UserException(file + " line " + number + " is not UTF-8.", e);
    }
  }
}
