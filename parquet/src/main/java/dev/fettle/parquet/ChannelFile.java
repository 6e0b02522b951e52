package dev.fettle.parquet;

import dev.hardwood.InputFile;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// A file read through a channel. The library's own way maps it into memory, and the process dies
/// if the file then becomes shorter.
final class ChannelFile implements InputFile {
  private final Path path;
  private @Nullable FileChannel channel;

  ChannelFile(Path path) {
    this.path = path;
  }

  @Override
  public void open() throws IOException {
    if (channel == null) {
      channel = FileChannel.open(path, StandardOpenOption.READ);
    }
  }

  private FileChannel opened() throws IOException {
    FileChannel open = channel;
    if (open == null) {
      throw new IOException("the file is not open");
    }
    return open;
  }

  @Override
  public ByteBuffer readRange(long offset, int length) throws IOException {
    FileChannel open = opened();
    if (offset < 0 || length < 0 || offset > open.size() - length) {
      throw new EOFException(
          "bytes %d to %d of a file of %d".formatted(offset, offset + length, open.size()));
    }
    ByteBuffer bytes = ByteBuffer.allocateDirect(length);
    while (bytes.hasRemaining()) {
      if (open.read(bytes, offset + bytes.position()) < 0) {
        throw new EOFException("the file has become shorter");
      }
    }
    return bytes.flip();
  }

  @Override
  public long length() throws IOException {
    return opened().size();
  }

  @Override
  public String name() {
    return path.getFileName().toString();
  }

  @Override
  public void close() throws IOException {
    FileChannel open = channel;
    if (open != null) {
      open.close();
    }
  }
}
