package dev.fettle.plan;

import dev.fettle.checkpoint.Json;
import dev.fettle.lora.LoraConfig;
import dev.fettle.lora.TargetModules;
import dev.fettle.plan.Work.Moments;
import dev.fettle.plan.Work.Training;
import dev.fettle.quantize.Scheme;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// Models and work for tests.
final class Shapes {
  static final Scheme.Nf4 NF4 = new Scheme.Nf4(64, true);

  private Shapes() {}

  /// The shape of TinyLlama-1.1B.
  static ObjectNode config() {
    return Json.object()
        .put("model_type", "llama")
        .put("hidden_size", 2048)
        .put("intermediate_size", 5632)
        .put("num_hidden_layers", 22)
        .put("num_attention_heads", 32)
        .put("num_key_value_heads", 4)
        .put("vocab_size", 32000)
        .put("max_position_embeddings", 2048)
        .put("torch_dtype", "bfloat16");
  }

  static ModelSpec model() {
    return ModelSpec.ofConfig("tinyllama", config(), "config.json");
  }

  static LoraConfig lora() {
    return LoraConfig.of(8, 16, new TargetModules.AllLinear());
  }

  static Training training(@Nullable Scheme base, @Nullable LoraConfig adapter) {
    return new Training(null, base, adapter, null, Moments.FLOAT32, 2, 256, false, 1, 10, 0);
  }

  static long bytes(MemoryPlan plan, String part) {
    return plan.peak().parts().stream()
        .filter(p -> p.name().equals(part))
        .mapToLong(Part::bytes)
        .sum();
  }
}
