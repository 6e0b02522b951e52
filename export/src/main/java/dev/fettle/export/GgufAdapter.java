package dev.fettle.export;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.gguf.GgufConfig;
import dev.fettle.checkpoint.gguf.GgufFamily;
import dev.fettle.checkpoint.gguf.GgufMetadata;
import dev.fettle.checkpoint.gguf.GgufTensorInfo;
import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.checkpoint.gguf.GgufValue;
import dev.fettle.checkpoint.gguf.GgufWriter;
import dev.fettle.checkpoint.gguf.RowPermutation;
import dev.fettle.checkpoint.gguf.WeightChange;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.AdapterPart.LowRank;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// LoRA adapters in GGUF files, as llama.cpp loads beside a model; and back into PEFT folders.
///
/// llama.cpp scales every pair by `alpha / rank` with one alpha for all. That is what plain LoRA
/// does; rsLoRA gets another alpha, and where layers' scales do not follow one alpha, their B is
/// multiplied with what is missing and rounded to float32.
public final class GgufAdapter {
  private final AdapterFolder adapter;
  private final ModelConfig config;
  private final GgufFamily family;
  private final float alpha;

  private GgufAdapter(AdapterFolder adapter, ModelConfig config, AdapterPlan plan) {
    this.adapter = adapter;
    this.config = config;
    this.family = GgufFamily.of(config);
    LowRank first = plan.lowRanks().getFirst();
    this.alpha = (float) (first.scale() * first.rank());
  }

  /// Writes an adapter as one GGUF file.
  ///
  /// @param adapter a PEFT folder
  /// @param base the model it belongs to, in any layout; only its configuration and, where the
  ///   adapter stores them too, embedding and head are read
  /// @param output the file to make; one that is there is replaced
  /// @throws UserException if a GGUF adapter cannot hold it, with the reason and what to do, or it
  ///   does not fit the model
  public static void write(Path adapter, Checkpoint base, Path output, ExportListener listener) {
    if (Files.isDirectory(output)) {
      throw new UserException("Output " + output + " is a folder; name a .gguf file.");
    }
    try (AdapterFolder folder = AdapterFolder.open(adapter)) {
      refuse(folder);
      AdapterPlan plan = folder.plan(Architecture.of(base.config()));
      refuseOwnBase(folder, plan, base);
      new GgufAdapter(folder, base.config(), plan).write(output, plan, listener);
    }
  }

  /// Writes a GGUF adapter as a PEFT folder.
  ///
  /// @param adapter the GGUF file
  /// @param base the model it belongs to; only its configuration is read
  /// @param output the folder to make
  /// @throws UserException if the file is no adapter of this model
  public static void toPeft(Path adapter, Checkpoint base, Path output) {
    try (AdapterFolder folder = AdapterFolder.open(adapter)) {
      folder.copyTo(output, folder.plan(Architecture.of(base.config())));
    }
  }

  private static void refuse(AdapterFolder folder) {
    List<String> beyond = folder.config().beyondPlainLora();
    if (!beyond.isEmpty()) {
      throw new UserException(
          "Adapter %s uses %s, which a GGUF adapter cannot hold; merge it into its model with fettle merge and export that."
              .formatted(folder.path(), String.join(", ", beyond)));
    }
  }

  /// An embedding or head beside the adapter is harmless where it is the model's own.
  private static void refuseOwnBase(AdapterFolder folder, AdapterPlan plan, Checkpoint base) {
    for (String key : folder.storedBases(plan)) {
      String name =
          key.contains("lm_head") && !base.config().tieWordEmbeddings()
              ? Architecture.OUTPUT_HEAD
              : Architecture.EMBEDDING;
      HostTensor own = folder.tensor(key);
      HostTensor original = base.tensor(name);
      if (own.dtype() != original.dtype() || own.data().mismatch(original.data()) != -1) {
        throw new UserException(
            "Adapter %s brings its own '%s', which differs from the model's and which a GGUF adapter cannot hold; merge it into its model with fettle merge and export that."
                .formatted(folder.path(), name));
      }
    }
  }

  private void write(Path output, AdapterPlan plan, ExportListener listener) {
    Map<String, LowRank> parts = new LinkedHashMap<>();
    List<GgufTensorInfo> tensors = new ArrayList<>();
    for (LowRank part : plan.lowRanks()) {
      String weight = Objects.requireNonNull(family.toGguf(part.path() + ".weight"));
      for (boolean isA : new boolean[] {true, false}) {
        HostTensor tensor = adapter.tensor(isA ? part.a() : part.b());
        GgufTensorType type =
            !isA && factor(part) != 1 ? GgufTensorType.F32 : GgufTensorType.of(tensor.dtype());
        String name = weight + (isA ? ".lora_a" : ".lora_b");
        parts.put(name, part);
        tensors.add(new GgufTensorInfo(name, tensor.shape(), type));
      }
    }
    int[] done = {0};
    GgufWriter.write(
        output,
        metadata(),
        tensors,
        (tensor, sink) -> {
          listener.tensor(tensor.name(), tensor.type().name(), ++done[0], tensors.size());
          LowRank part = Objects.requireNonNull(parts.get(tensor.name()));
          sink.put(tensor.name().endsWith(".lora_a") ? adapter.tensor(part.a()).data() : b(part));
        });
  }

  /// What the update of a layer lacks when llama.cpp has scaled it.
  private float factor(LowRank part) {
    return (float) (part.scale() * part.rank() / alpha * change(part).factor());
  }

  private WeightChange change(LowRank part) {
    return family.change(part.path() + ".weight", config);
  }

  private MemorySegment b(LowRank part) {
    HostTensor b = adapter.tensor(part.b());
    float factor = factor(part);
    HostTensor scaled = factor == 1 ? b : scaled(b, factor);
    @Nullable RowPermutation permutation = change(part).permutation();
    if (permutation == null) {
      return scaled.data();
    }
    MemorySegment rows = MemorySegment.ofArray(new byte[Math.toIntExact(scaled.byteSize())]);
    permutation.toGguf(scaled.data(), rows);
    return rows;
  }

  private static HostTensor scaled(HostTensor tensor, float factor) {
    float[] values = tensor.toFloats();
    for (int i = 0; i < values.length; i++) {
      values[i] *= factor;
    }
    return new HostTensor(DType.F32, tensor.shape(), MemorySegment.ofArray(values));
  }

  private GgufMetadata metadata() {
    return new GgufMetadata(adapter.path().toString())
        .put(GgufConfig.ARCHITECTURE, family.architecture())
        .put(GgufConfig.TYPE, "adapter")
        .put("general.name", adapter.path().getFileName().toString())
        .put("adapter.type", "lora")
        .put("adapter.lora.alpha", GgufValue.f32(alpha));
  }
}
