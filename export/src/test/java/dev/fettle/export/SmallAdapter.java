package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.LinearModule;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.tensor.HostTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Random;
import java.util.SequencedMap;

/// A random PEFT adapter of rank 4 on all linear layers of a model.
public final class SmallAdapter {
  private static final int RANK = 4;

  private SmallAdapter() {}

  /// @param size standard deviation of A and B
  public static Path write(Path folder, Path model, double size) throws IOException {
    Files.createDirectories(folder);
    Files.writeString(
        folder.resolve("adapter_config.json"),
        """
        {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8,
         "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                            "down_proj"]}
        """);
    SequencedMap<String, HostTensor> tensors = new LinkedHashMap<>();
    Random random = new Random(9);
    try (Checkpoint checkpoint = Checkpoint.open(model)) {
      for (LinearModule module : Architecture.of(checkpoint.config()).linears()) {
        String prefix = "base_model.model." + module.name();
        tensors.put(prefix + ".lora_A.weight", normal(random, size, RANK, module.inFeatures()));
        tensors.put(prefix + ".lora_B.weight", normal(random, size, module.outFeatures(), RANK));
      }
    }
    SafetensorsWriter.write(
        folder.resolve("adapter_model.safetensors"), tensors, SafetensorsWriter.PYTORCH_METADATA);
    return folder;
  }

  private static HostTensor normal(Random random, double size, int rows, int columns) {
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (size * random.nextGaussian());
    }
    return HostTensor.of(values, rows, columns);
  }
}
