package dev.fettle.finetune;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// A quantized model folder written out in float32.
final class Dequantized {
  private Dequantized() {}

  static void write(Path quantized, Path output) {
    try (Checkpoint source = Checkpoint.open(quantized)) {
      QuantizedWeights weights = QuantizedWeights.of(source);
      List<TensorInfo> plan =
          Architecture.of(source.config()).tensors().stream()
              .map(info -> new TensorInfo(info.name(), DType.F32, info.shape()))
              .toList();
      ObjectNode config = source.configJson();
      config.remove("quantization_config");
      try (CheckpointWriter writer = CheckpointWriter.create(output, config, plan, List.of())) {
        for (TensorInfo info : plan) {
          writer.write(info.name(), tensor(source, weights, info));
        }
        writer.commit();
      }
    }
  }

  private static HostTensor tensor(Checkpoint source, QuantizedWeights weights, TensorInfo info) {
    if (!weights.isQuantized(info.name())) {
      return source.tensor(info.name());
    }
    MemorySegment out = Arena.ofAuto().allocate(info.bytes(), 64);
    weights.read(info.name(), info.shape()).dequantize(DType.F32, out);
    return new HostTensor(DType.F32, info.shape(), out);
  }
}
