package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.zip.GZIPInputStream;

/// The bytes of a data file, unpacked if its name ends in `.gz`, without a byte order mark.
public final class DataStream {
  static final String GZIP = ".gz";
  private static final int BUFFER = 1 << 16;
  private static final byte[] BYTE_ORDER_MARK = {(byte) 0xEF, (byte) 0xBB, (byte) 0xBF};

  private DataStream() {}

  /// Whatever reads the stream.
  @FunctionalInterface
  public interface Body<R> {
    R read(InputStream in) throws IOException;
  }

  /// @throws UserException if the file cannot be opened, read or unpacked
  public static <R> R read(Path file, Body<R> body) {
    try (InputStream in = open(file)) {
      skipByteOrderMark(in);
      return body.read(in);
    } catch (NoSuchFileException e) {
      throw new UserException("Data file " + file + " does not exist; check the path.", e);
    } catch (IOException e) {
      throw new UserException("Cannot read " + file + ": " + e.getMessage() + ".", e);
    }
  }

  private static InputStream open(Path file) throws IOException {
    InputStream raw = Files.newInputStream(file);
    if (!isPacked(file)) {
      return new BufferedInputStream(raw, BUFFER);
    }
    try {
      return new BufferedInputStream(new GZIPInputStream(raw, BUFFER), BUFFER);
    } catch (IOException e) {
      raw.close();
      throw e;
    }
  }

  /// The file's name in lower case, without `.gz`.
  static String plainName(Path file) {
    String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
    return name.endsWith(GZIP) ? name.substring(0, name.length() - GZIP.length()) : name;
  }

  private static boolean isPacked(Path file) {
    return file.getFileName().toString().toLowerCase(Locale.ROOT).endsWith(GZIP);
  }

  private static void skipByteOrderMark(InputStream in) throws IOException {
    in.mark(BYTE_ORDER_MARK.length);
    byte[] first = in.readNBytes(BYTE_ORDER_MARK.length);
    if (!Arrays.equals(first, BYTE_ORDER_MARK)) {
      in.reset();
    }
  }
}
