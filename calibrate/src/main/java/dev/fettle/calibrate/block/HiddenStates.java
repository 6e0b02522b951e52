package dev.fettle.calibrate.block;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.engine.Tensors;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// The hidden states of every token of the calibration text, in a mapped file: the operating system
/// keeps of it in memory what there is room for.
final class HiddenStates implements AutoCloseable {
  private final Form form;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment data;

  /// The shape of the file.
  ///
  /// @param batches token ids, each batch of equally long rows
  /// @param features of one hidden state
  record Form(List<int[][]> batches, long features, DType dtype) {
    long batchBytes(int batch) {
      int[][] ids = batches.get(batch);
      return (long) ids.length * ids[0].length * features * dtype.bytes();
    }

    long bytes() {
      return offset(batches.size());
    }

    private long offset(int batch) {
      long offset = 0;
      for (int i = 0; i < batch; i++) {
        offset += batchBytes(i);
      }
      return offset;
    }
  }

  /// Makes the hidden states of a batch, `[rows · length, features]`, in the current scope.
  interface Source {
    Tensor batch(int index);
  }

  private HiddenStates(Form form, Path file) throws IOException {
    this.form = form;
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() != form.bytes()) {
        throw new UserException(
            "Hidden states %s have %d bytes, expected %d; remove the work folder and start again."
                .formatted(file, channel.size(), form.bytes()));
      }
      this.data = channel.map(FileChannel.MapMode.READ_ONLY, 0, form.bytes(), arena);
    }
  }

  static HiddenStates open(Form form, Path file) throws IOException {
    return new HiddenStates(form, file);
  }

  /// Writes all batches, one after the other, to a new file.
  static void write(Form form, Path file, Source source) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      for (int i = 0; i < form.batches().size(); i++) {
        try (Scope scope = Scope.open()) {
          MemorySegment values = source.batch(i).contiguous().segment();
          if (values.byteSize() != form.batchBytes(i)) {
            throw new IllegalStateException("a batch of " + values.byteSize() + " bytes");
          }
          writeAll(channel, values);
        }
      }
    }
  }

  private static void writeAll(FileChannel channel, MemorySegment values) throws IOException {
    int part = 1 << 26;
    for (long at = 0; at < values.byteSize(); at += part) {
      ByteBuffer bytes = values.asSlice(at, Math.min(part, values.byteSize() - at)).asByteBuffer();
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    }
  }

  /// The hidden states of a batch, read only, in the current scope.
  Tensor batch(int index) {
    long rows = form.batchBytes(index) / form.features() / form.dtype().bytes();
    MemorySegment slice = data.asSlice(form.offset(index), form.batchBytes(index));
    return Tensors.viewOf(new HostTensor(form.dtype(), Shape.of(rows, form.features()), slice));
  }

  @Override
  public void close() {
    arena.close();
  }
}
