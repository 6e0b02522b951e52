package dev.fettle.text;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Samples as bytes, to be read back in any order: in memory while they are few, else in a
/// temporary file. Per sample only its place and length stay in memory, so a data set may be larger
/// than that.
///
/// A sample is its token ids, four bytes each, and one bit per token that says whether it is
/// learned. The file lies in `java.io.tmpdir` and has no name any more once it is open, so nothing
/// stays behind, however the process ends.
final class TokenStore {
  /// Bytes kept in memory before they go to a file: about 16 million tokens.
  static final int IN_MEMORY = 64 << 20;

  private static final int WRITE_AT_ONCE = 1 << 20;

  private final int inMemory;
  private final Longs offsets = new Longs();
  private final Ints lengths = new Ints();

  /// What is in memory: everything, or what was not yet written to the file.
  private byte[] pending = new byte[1 << 12];

  private int pendingBytes;
  private long written;
  private @Nullable FileChannel file;

  /// @param inMemory bytes that are kept in memory
  TokenStore(int inMemory) {
    this.inMemory = inMemory;
  }

  int size() {
    return lengths.size();
  }

  int length(int index) {
    return lengths.get(index);
  }

  /// Whether it has outgrown the memory.
  boolean onDisk() {
    return file != null;
  }

  void add(Sample sample) {
    offsets.add(written + pendingBytes);
    lengths.add(sample.length());
    int bytes = bytes(sample.length());
    makeRoom(bytes);
    ByteBuffer buffer = ByteBuffer.wrap(pending, pendingBytes, bytes);
    for (int id : sample.ids()) {
      buffer.putInt(id);
    }
    int mask = buffer.position();
    Arrays.fill(pending, mask, mask + maskBytes(sample.length()), (byte) 0);
    for (int i = 0; i < sample.length(); i++) {
      if (sample.labels()[i] != Sample.IGNORE) {
        pending[mask + i / Byte.SIZE] |= (byte) (1 << i % Byte.SIZE);
      }
    }
    pendingBytes += bytes;
  }

  Sample get(int index) {
    int length = lengths.get(index);
    byte[] bytes = new byte[bytes(length)];
    read(offsets.get(index), bytes);
    int[] ids = new int[length];
    ByteBuffer.wrap(bytes).asIntBuffer().get(ids);
    int mask = length * Integer.BYTES;
    int[] labels = ids;
    for (int i = 0; i < length; i++) {
      if ((bytes[mask + i / Byte.SIZE] & 1 << i % Byte.SIZE) == 0) {
        labels = labels == ids ? ids.clone() : labels;
        labels[i] = Sample.IGNORE;
      }
    }
    return new Sample(ids, labels);
  }

  private static int bytes(int length) {
    return Math.addExact(Math.multiplyExact(length, Integer.BYTES), maskBytes(length));
  }

  private static int maskBytes(int length) {
    return (length + Byte.SIZE - 1) / Byte.SIZE;
  }

  private void makeRoom(int bytes) {
    int limit = file == null ? inMemory : WRITE_AT_ONCE;
    if (pendingBytes > 0 && (long) pendingBytes + bytes > limit) {
      flush();
    }
    int needed = Math.addExact(pendingBytes, bytes);
    if (needed > pending.length) {
      pending = Arrays.copyOf(pending, Math.max(needed, Math.min(limit, 2 * pending.length)));
    }
  }

  private void flush() {
    try {
      FileChannel channel = file;
      if (channel == null) {
        channel = temporary();
        file = channel;
      }
      ByteBuffer rest = ByteBuffer.wrap(pending, 0, pendingBytes);
      while (rest.hasRemaining()) {
        written += channel.write(rest, written);
      }
    } catch (IOException e) {
      throw new UserException(
          "Cannot write the tokenized data to %s: %s; free some space, or set -Djava.io.tmpdir to a folder that has it."
              .formatted(System.getProperty("java.io.tmpdir"), e.getMessage()),
          e);
    }
    pendingBytes = 0;
    if (pending.length > WRITE_AT_ONCE) {
      pending = new byte[WRITE_AT_ONCE];
    }
  }

  private static FileChannel temporary() throws IOException {
    Path path = Files.createTempFile("fettle-tokens", ".bin");
    return FileChannel.open(
        path,
        StandardOpenOption.READ,
        StandardOpenOption.WRITE,
        StandardOpenOption.DELETE_ON_CLOSE);
  }

  private void read(long offset, byte[] into) {
    if (offset >= written) {
      System.arraycopy(pending, (int) (offset - written), into, 0, into.length);
      return;
    }
    FileChannel channel = file;
    if (channel == null) {
      throw new IllegalStateException("tokens were written to no file");
    }
    try {
      ByteBuffer buffer = ByteBuffer.wrap(into);
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, offset + buffer.position()) < 0) {
          throw new IOException("the temporary file has become shorter");
        }
      }
    } catch (IOException e) {
      throw new UserException("Cannot read the tokenized data back: " + e.getMessage() + ".", e);
    }
  }
}
