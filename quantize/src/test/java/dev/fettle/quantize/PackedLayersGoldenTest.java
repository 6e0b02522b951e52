package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.quantize.awq.AwqLayout;
import dev.fettle.quantize.gptq.GptqLayout;
import dev.fettle.quantize.kernel.ScalarAffineKernels;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.node.ObjectNode;

/// The bytes of AutoGPTQ, GPTQModel and AutoAWQ for the same integers, and the weights they read
/// back; `tools/golden/make_packed_layers.py`.
class PackedLayersGoldenTest {
  private static final Shape SHAPE = Shape.of(32, 128);

  @TempDir Path root;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "gptq/int4:sym:group=32",
        "gptq/int4:sym:channel",
        "gptq/int8:sym:group=32",
        "gptq/int2:sym:group=64",
        "gptq/int4:sym:group=32/act",
        "gptq_v2/int4:asym:group=32",
        "gptq_v2/int8:asym:group=64",
        "gptq_v2/int4:asym:group=32/act",
        "gptq_v2/int4:sym:group=32",
        "awq/int4:asym:group=32",
        "awq/int4:asym:group=128",
      })
  void bytesAndWeightsAreThoseOfTheTool(String name) throws URISyntaxException {
    String[] words = name.split("/");
    try (TensorSource golden = SafetensorsFile.open(golden())) {
      AffineTensor tensor = tensor(golden, name, (Scheme.Affine) Scheme.parse(words[1]));
      Map<String, HostTensor> written = written(words[0], tensor);
      written.forEach((key, ours) -> {
        HostTensor theirs = golden.tensor(name + key.substring(1));
        assertThat(ours.dtype()).as(key).isEqualTo(theirs.dtype());
        assertThat(ours.shape()).as(key).isEqualTo(theirs.shape());
        assertThat(ours.data().mismatch(theirs.data())).as(key).isEqualTo(-1);
      });
      AffineTensor read = read(golden, name, words[0], tensor.scheme());
      assertThat(read.groupIndex() == null).isEqualTo(words.length == 2);
      MemorySegment weight = Arena.ofAuto().allocate(2 * SHAPE.elements(), 2);
      read.dequantize(DType.F16, weight);
      assertThat(weight.mismatch(golden.tensor(name + ".weight").data())).isEqualTo(-1);
      assertThat(TestWeights.floats(read)).isEqualTo(TestWeights.floats(tensor));
    }
  }

  private static Map<String, HostTensor> written(String format, AffineTensor tensor) {
    return switch (format) {
      case "gptq" -> GptqLayout.tensors("m", tensor, false);
      case "gptq_v2" -> GptqLayout.tensors("m", tensor, true);
      default -> AwqLayout.tensors("m", tensor);
    };
  }

  /// The chosen integers as a tensor of ours.
  private static AffineTensor tensor(TensorSource golden, String name, Scheme.Affine scheme) {
    int bits = scheme.bits();
    int middle = 1 << (bits - 1);
    MemorySegment chosen = golden.tensor(name + ".codes").data();
    long rowBytes = AffineTensor.rowBytes(SHAPE, scheme);
    MemorySegment codes = Arena.ofAuto().allocate(SHAPE.dim(0) * rowBytes, 64);
    for (int row = 0; row < SHAPE.dim(0); row++) {
      MemorySegment to = codes.asSlice(row * rowBytes, rowBytes);
      for (int column = 0; column < SHAPE.dim(1); column++) {
        int code = chosen.get(ValueLayout.JAVA_BYTE, row * SHAPE.dim(1) + column) & 0xFF;
        ScalarAffineKernels.write(to, bits, column, bits == 8 ? code - middle : code);
      }
    }
    HostTensor unsigned = golden.tensor(name + ".zeros");
    MemorySegment zeros = Arena.ofAuto().allocate(unsigned.byteSize(), 64);
    for (long i = 0; i < zeros.byteSize(); i++) {
      int zero = unsigned.data().get(ValueLayout.JAVA_BYTE, i) & 0xFF;
      zeros.set(ValueLayout.JAVA_BYTE, i, (byte) (zero - middle));
    }
    int groupSize = (int) scheme.granularity().columnsPerScale(SHAPE.dim(1));
    HostTensor groups = golden.tensor(name + ".groups");
    return new AffineTensor(
        SHAPE,
        DType.F16,
        scheme,
        codes,
        golden.tensor(name + ".scale"),
        AffineTensor.hasZeroPoints(scheme)
            ? new HostTensor(DType.I8, unsigned.shape(), zeros)
            : null,
        scheme.granularity() instanceof Granularity.PerGroup
            ? GroupIndex.of(GroupIndex.read(groups), groupSize)
            : null);
  }

  /// The tool's tensors, read as a folder.
  private AffineTensor read(TensorSource golden, String name, String format, Scheme.Affine scheme) {
    ObjectNode config = Json.object();
    ObjectNode quantization = config.put("torch_dtype", "float16").putObject("quantization_config");
    quantization.put("quant_method", format.equals("awq") ? "awq" : "gptq");
    quantization.put(format.equals("awq") ? "version" : "checkpoint_format", format(format));
    quantization.put("bits", scheme.bits()).put("group_size", groupSize(scheme));
    List<String> parts =
        List.of("qweight", "qzeros", "scales", "g_idx").stream()
            .filter(part -> golden.infos().containsKey(name + "." + part))
            .toList();
    List<TensorInfo> plan =
        parts.stream()
            .map(part -> {
              HostTensor tensor = golden.tensor(name + "." + part);
              return new TensorInfo("m." + part, tensor.dtype(), tensor.shape());
            })
            .toList();
    Path folder = root.resolve("folder");
    try (CheckpointWriter writer = CheckpointWriter.create(folder, config, plan, List.of())) {
      parts.forEach(part -> writer.write("m." + part, golden.tensor(name + "." + part)));
      writer.commit();
    }
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      QuantizedWeights weights = QuantizedWeights.of(checkpoint);
      assertThat(weights.isQuantized("m.weight")).isTrue();
      assertThat(weights.parts("m.weight")).hasSize(parts.size());
      PackedForm form = weights.form("m.weight", SHAPE);
      AffineTensor read = (AffineTensor) weights.read("m.weight", SHAPE);
      assertThat(read.scheme()).isEqualTo(form.scheme()).isEqualTo(normal(scheme));
      assertThat(read.originalDtype()).isEqualTo(form.originalDtype()).isEqualTo(DType.F16);
      return read;
    }
  }

  /// One group of all columns is a channel.
  private static Scheme.Affine normal(Scheme.Affine scheme) {
    return groupSize(scheme) == SHAPE.dim(1)
        ? new Scheme.Affine(scheme.bits(), true, scheme.symmetry(), new Granularity.PerChannel(0))
        : scheme;
  }

  private static String format(String format) {
    return format.equals("awq") ? "gemm" : format;
  }

  private static int groupSize(Scheme.Affine scheme) {
    return scheme.granularity() instanceof Granularity.PerGroup group ? group.size() : -1;
  }

  private static Path golden() throws URISyntaxException {
    return Path.of(
        Objects.requireNonNull(
                PackedLayersGoldenTest.class.getResource("/golden/gptq-awq.safetensors"))
            .toURI());
  }
}
