package dev.fettle.checkpoint;

import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MappedPages;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Writes one safetensors file tensor by tensor; the header is fixed by the plan beforehand.
///
/// In the file, wider dtypes come first (otherwise the plan's order), so that every tensor is
/// aligned to its element size as in files written by the reference implementation.
public final class SafetensorsWriter implements AutoCloseable {
  /// What Hugging Face loaders insist on finding.
  public static final Map<String, String> PYTORCH_METADATA = Map.of("format", "pt");

  private static final int CHUNK = 1 << 26;
  private static final int HEAP_CHUNK = 1 << 20;
  private static final int DATA_ALIGNMENT = 8;

  private final Path file;
  private final FileChannel channel;
  private final Map<String, TensorInfo> pending = new LinkedHashMap<>();
  private final Map<String, Long> positions = new LinkedHashMap<>();

  private SafetensorsWriter(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /// Creates `file`, which must not exist, and writes its header.
  static SafetensorsWriter create(Path file, List<TensorInfo> plan, Map<String, String> metadata)
      throws IOException {
    FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try {
      SafetensorsWriter writer = new SafetensorsWriter(file, channel);
      writer.writeHeader(plan, metadata);
      return writer;
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /// Writes a whole file atomically; for adapters and other small files.
  ///
  /// @throws UserException if the file cannot be written
  public static void write(
      Path file, SequencedMap<String, HostTensor> tensors, Map<String, String> metadata) {
    List<TensorInfo> plan = new ArrayList<>();
    tensors.forEach((name, t) -> plan.add(new TensorInfo(name, t.dtype(), t.shape())));
    AtomicFiles.write(
        file,
        temporary -> {
          try (SafetensorsWriter writer = create(temporary, plan, metadata)) {
            for (Map.Entry<String, HostTensor> entry : tensors.entrySet()) {
              writer.put(entry.getKey(), entry.getValue());
            }
            writer.finish();
          }
        });
  }

  private void writeHeader(List<TensorInfo> plan, Map<String, String> metadata) throws IOException {
    ObjectNode header = Json.object();
    ObjectNode meta = header.putObject("__metadata__");
    metadata.forEach(meta::put);
    List<TensorInfo> layout = new ArrayList<>(plan);
    layout.sort(Comparator.comparingInt((TensorInfo info) -> -info.dtype().bytes()));
    long offset = 0;
    for (TensorInfo info : layout) {
      if (pending.put(info.name(), info) != null) {
        throw new IllegalArgumentException("tensor '" + info.name() + "' is planned twice");
      }
      positions.put(info.name(), offset);
      ObjectNode entry = header.putObject(info.name());
      entry.put("dtype", info.dtype().name());
      entry.putPOJO("shape", info.shape().toArray());
      entry.putPOJO("data_offsets", new long[] {offset, offset + info.bytes()});
      offset += info.bytes();
    }
    byte[] json = Json.compact(header).getBytes(StandardCharsets.UTF_8);
    int padded = (json.length + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT;
    ByteBuffer bytes = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(padded).put(json);
    Arrays.fill(bytes.array(), 8 + json.length, 8 + padded, (byte) ' ');
    writeAt(bytes.rewind(), 0);
    positions.replaceAll((name, position) -> 8 + padded + position);
  }

  /// Writes one tensor of the plan; in any order, each once.
  void put(String name, HostTensor tensor) throws IOException {
    @Nullable TensorInfo info = pending.remove(name);
    if (info == null) {
      throw new IllegalArgumentException("tensor '" + name + "' is not planned or written twice");
    }
    if (info.dtype() != tensor.dtype() || !info.shape().equals(tensor.shape())) {
      throw new IllegalArgumentException(
          "tensor '%s' is planned as %s %s, got %s %s"
              .formatted(name, info.dtype(), info.shape(), tensor.dtype(), tensor.shape()));
    }
    @Nullable Long position = positions.get(name);
    writeSegment(tensor.data(), position == null ? 0 : position);
  }

  private void writeSegment(MemorySegment data, long position) throws IOException {
    if (data.isNative()) {
      for (long at = 0; at < data.byteSize(); at += CHUNK) {
        long count = Math.min(CHUNK, data.byteSize() - at);
        MemorySegment chunk = data.asSlice(at, count);
        writeAt(chunk.asByteBuffer(), position + at);
        MappedPages.release(chunk); // of a file that is copied, one chunk at a time is in memory
      }
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment chunk = arena.allocate(HEAP_CHUNK);
      for (long at = 0; at < data.byteSize(); at += HEAP_CHUNK) {
        long count = Math.min(HEAP_CHUNK, data.byteSize() - at);
        MemorySegment.copy(data, at, chunk, 0, count);
        writeAt(chunk.asSlice(0, count).asByteBuffer(), position + at);
      }
    }
  }

  private void writeAt(ByteBuffer bytes, long position) throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      at += channel.write(bytes, at);
    }
  }

  /// Checks that nothing of the plan is missing and flushes the file to the disk.
  void finish() throws IOException {
    if (!pending.isEmpty()) {
      throw new IllegalStateException(
          "tensor '" + pending.keySet().iterator().next() + "' of " + file + " was not written");
    }
    channel.force(true);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
