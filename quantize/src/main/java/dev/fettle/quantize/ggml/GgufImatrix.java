package dev.fettle.quantize.ggml;

import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Importance matrices as GGUF: per weight a tensor `NAME.in_sum2` of sums and a tensor
/// `NAME.counts`, both float32. Source: llama.cpp, `tools/imatrix/imatrix.cpp`, `save_imatrix`.
final class GgufImatrix {
  private static final String TYPE = "general.type";
  private static final String DATASETS = "imatrix.datasets";
  private static final String CHUNK_COUNT = "imatrix.chunk_count";
  private static final String CHUNK_SIZE = "imatrix.chunk_size";
  private static final String SUMS = ".in_sum2";
  private static final String COUNTS = ".counts";

  private GgufImatrix() {}

  static Imatrix load(Path path) {
    try (GgufFile file = GgufFile.open(path)) {
      GgufMetadata metadata = file.metadata();
      @Nullable String type = metadata.text(TYPE);
      if (!"imatrix".equals(type)) {
        throw new UserException(
            "File %s is no importance matrix: its %s is '%s'; collect one with 'fettle calibrate --imatrix'."
                .formatted(path, TYPE, type));
      }
      TreeMap<String, Imatrix.Entry> entries = new TreeMap<>();
      for (String name : file.tensors().keySet()) {
        if (name.endsWith(SUMS)) {
          String weight = name.substring(0, name.length() - SUMS.length());
          entries.put(weight, entry(file, name, weight + COUNTS));
        }
      }
      List<String> datasets = metadata.texts(DATASETS);
      return new Imatrix(
          path.toString(),
          datasets == null ? List.of() : datasets,
          Objects.requireNonNullElse(metadata.whole(CHUNK_COUNT), 0),
          Objects.requireNonNullElse(metadata.whole(CHUNK_SIZE), 0),
          entries);
    }
  }

  private static Imatrix.Entry entry(GgufFile file, String sumsName, String countsName) {
    if (!file.tensors().containsKey(countsName)) {
      throw new UserException(
          "Importance matrix %s has a tensor '%s' but no '%s'; collect it again."
              .formatted(file.path(), sumsName, countsName));
    }
    float[] sums = floats(file, sumsName);
    float[] counts = floats(file, countsName);
    if (counts.length == 0 || sums.length % counts.length != 0) {
      throw new UserException(
          "Importance matrix %s has %d numbers in '%s' and %d in '%s'; expected a multiple. Collect it again."
              .formatted(file.path(), sums.length, sumsName, counts.length, countsName));
    }
    return new Imatrix.Entry(sums, counts);
  }

  private static float[] floats(GgufFile file, String name) {
    GgufTensorInfo info = Objects.requireNonNull(file.tensors().get(name));
    if (info.type() != GgufTensorType.F32) {
      throw new UserException(
          "Tensor '%s' of importance matrix %s is %s; expected F32. Collect it again."
              .formatted(name, file.path(), info.type()));
    }
    return file.data(name).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
  }

  static void save(Imatrix imatrix, Path path) {
    GgufMetadata metadata =
        new GgufMetadata(path.toString())
            .put(TYPE, "imatrix")
            .put(DATASETS, GgufValue.texts(imatrix.datasets()))
            .put(CHUNK_COUNT, GgufValue.u32(imatrix.chunkCount()))
            .put(CHUNK_SIZE, GgufValue.u32(imatrix.chunkSize()));
    List<GgufTensorInfo> tensors = new ArrayList<>();
    List<float[]> data = new ArrayList<>();
    imatrix
        .entries()
        .forEach((name, entry) -> {
          tensors.add(info(name + SUMS, entry.sums().length, entry.counts().length));
          data.add(entry.sums());
          tensors.add(info(name + COUNTS, entry.counts().length, entry.counts().length));
          data.add(entry.counts());
        });
    var remaining = data.iterator();
    GgufWriter.write(
        path,
        metadata,
        tensors,
        (tensor, sink) -> sink.put(MemorySegment.ofArray(littleEndian(remaining.next()))));
  }

  private static GgufTensorInfo info(String name, int numbers, int rows) {
    Shape shape = rows == 1 ? Shape.of(numbers) : Shape.of(rows, numbers / rows);
    return new GgufTensorInfo(name, shape, GgufTensorType.F32);
  }

  private static byte[] littleEndian(float[] numbers) {
    byte[] bytes = new byte[Math.multiplyExact(4, numbers.length)];
    MemorySegment segment = MemorySegment.ofArray(bytes);
    for (int i = 0; i < numbers.length; i++) {
      Bytes.putF32(segment, 4L * i, numbers[i]);
    }
    return bytes;
  }
}
