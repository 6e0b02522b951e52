package dev.fettle.fuzz;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.CheckpointFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.checkpoint.gguf.vocabulary.GgufVocabulary;
import dev.fettle.checkpoint.hub.RepoListing;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.AdapterPlan;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.ggml.Imatrix;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import dev.fettle.text.ChatMessage;
import dev.fettle.text.ChatTemplate;
import dev.fettle.text.Tokenizer;
import dev.fettle.text.records.RecordOptions;
import dev.fettle.text.records.RecordReader;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Each kind of file that is read from the outside, and all that is done with it before a model is
/// built.
enum Target {
  /// The JSON header of a safetensors file, with some data behind it.
  SAFETENSORS_HEADER {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      touch(SafetensorsFile.open(sandbox.put("header.safetensors", Samples.file(data, 26))));
    }
  },
  SAFETENSORS_FILE {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      touch(SafetensorsFile.open(sandbox.put("raw.safetensors", data)));
    }
  },
  /// `model.safetensors.index.json`
  INDEX {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put("config.json", Samples.CONFIG);
      sandbox.put("model-00001-of-00001.safetensors", Samples.file(Samples.HEADER, 26));
      sandbox.put("model.safetensors.index.json", data);
      touch(CheckpointFolder.open(sandbox.folder()));
    }
  },
  /// `config.json`
  MODEL_CONFIG {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      ModelConfig config =
          ModelConfig.parse(Json.read(sandbox.put("config.json", data)), "config.json");
      Architecture.of(config);
      config.toJson();
    }
  },
  GGUF {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      try (Checkpoint checkpoint = Checkpoint.open(sandbox.put("model.gguf", data))) {
        checkpoint.config();
        checkpoint.configJson();
        checkpoint.companions();
        QuantizedWeights weights = QuantizedWeights.of(checkpoint);
        for (String name : checkpoint.infos().keySet()) {
          if (!weights.isQuantized(name)) {
            checkpoint.tensor(name);
          }
        }
      }
    }
  },
  /// Importance matrices, as GGUF and in llama.cpp's older form
  IMATRIX {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      Imatrix.load(sandbox.put("imatrix.dat", data));
    }
  },
  /// What a hub answers when it is asked for the files of a model
  HUB_LISTING {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      RepoListing.parse(new String(data, StandardCharsets.UTF_8), "acme/tiny");
    }
  },
  /// Training data as JSON
  DATA_JSON {
    /// Formats are looked for on the whole class path; that is no cost of a file.
    private final RecordReader warm = new RecordReader(RecordOptions.defaults());

    @Override
    void open(byte[] data, Sandbox sandbox) {
      warm.read(sandbox.put("data.json", data), (record, number) -> true);
    }
  },
  /// Training data as CSV
  DATA_CSV {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      new RecordReader(RecordOptions.defaults())
          .read(sandbox.put("data.csv", data), (record, number) -> true);
    }
  },
  /// `tokenizer.json` on its way into GGUF
  VOCABULARY {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put("tokenizer.json", data);
      GgufVocabulary.companions(GgufVocabulary.fromFolder(sandbox.folder(), 64));
    }
  },
  /// `tokenizer.json` in the tokenizers library
  TOKENIZER {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put("tokenizer.json", data);
      try (Tokenizer tokenizer = Tokenizer.load(sandbox.folder())) {
        tokenizer.decode(tokenizer.encode("Hello  w\u00f6rld 12\n\uD83D\uDE00<s>", true), true);
        tokenizer.encodeWithSpans("a b", false);
        tokenizer.specialTokens();
      }
    }
  },
  /// `tokenizer.model` of SentencePiece
  TOKENIZER_MODEL {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put("tokenizer.model", data);
      try (Tokenizer tokenizer = Tokenizer.load(sandbox.folder())) {
        tokenizer.decode(tokenizer.encode("Hello  w\u00f6rld \uFF21\n\uD83D\uDE00<s>", true), true);
      }
    }
  },
  CHAT_TEMPLATE {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put("chat_template.jinja", data);
      Clock clock = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
      @Nullable ChatTemplate template = ChatTemplate.load(sandbox.folder(), clock);
      if (template != null) {
        template.render(
            List.of(new ChatMessage("user", "Hi"), new ChatMessage("assistant", "Yo")), true);
      }
    }
  },
  /// `adapter_config.json`
  ADAPTER {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put("adapter_config.json", data);
      sandbox.put("adapter_model.safetensors", Samples.file(Samples.HEADER, 26));
      try (AdapterFolder adapter = AdapterFolder.open(sandbox.folder())) {
        for (String module :
            adapter.config().targetModules().select(Samples.MODULES, List.of(), false)) {
          adapter.config().rankOf(module);
        }
      }
    }
  },
  /// A LoRA adapter as GGUF
  GGUF_ADAPTER {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      ModelConfig config = ModelConfig.parse(Json.parse(Samples.CONFIG, "sample"), "sample");
      try (AdapterFolder adapter = AdapterFolder.open(sandbox.put("adapter.gguf", data))) {
        AdapterPlan plan = adapter.plan(Architecture.of(config));
        plan.lowRanks()
            .forEach(part -> {
              adapter.tensor(part.a());
              adapter.tensor(part.b());
            });
      }
    }
  },
  /// `quantization_config` in `config.json`
  QUANTIZATION_CONFIG {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      String config = new String(data, StandardCharsets.UTF_8);
      sandbox.put(
          "config.json", Samples.CONFIG.replace("}", ",\"quantization_config\":" + config + "}"));
      readQuantized(sandbox, Samples.quantized(Samples.STATE));
    }
  },
  /// The JSON that bitsandbytes keeps in a tensor beside each 4-bit weight.
  QUANT_STATE {
    @Override
    void open(byte[] data, Sandbox sandbox) {
      sandbox.put(
          "config.json",
          Samples.CONFIG.replace(
              "}",
              ",\"quantization_config\":{\"quant_method\":\"bitsandbytes\",\"load_in_4bit\":true}}"));
      readQuantized(sandbox, Samples.quantized(data));
    }
  };

  abstract void open(byte[] data, Sandbox sandbox);

  /// Whether the file is a program, which may use and drop more memory than it has bytes; the
  /// language's own limits hold it.
  private boolean isProgram() {
    return this == CHAT_TEMPLATE;
  }

  /// @throws AssertionError if the promise of [HostileInput] is broken
  final void check(byte[] data) {
    try (Sandbox sandbox = Sandbox.create()) {
      long size = isProgram() ? Integer.MAX_VALUE : data.length;
      HostileInput.check(size, () -> open(data, sandbox));
    }
  }

  /// Whether the file is sound.
  final boolean reads(byte[] data) {
    try (Sandbox sandbox = Sandbox.create()) {
      open(data, sandbox);
      return true;
    } catch (UserException e) {
      return false;
    }
  }

  /// The class that fuzzes this target.
  final String className() {
    return Pattern.compile("_?([A-Z])([A-Z]*)")
            .matcher(name())
            .replaceAll(word -> word.group(1) + word.group(2).toLowerCase(Locale.ROOT))
        + "FuzzTest";
  }

  private static void touch(TensorSource source) {
    try (source) {
      for (String name : source.infos().keySet()) {
        source.tensor(name);
      }
    }
  }

  private static void readQuantized(Sandbox sandbox, byte[] tensors) {
    sandbox.put("model.safetensors", tensors);
    try (CheckpointFolder checkpoint = CheckpointFolder.open(sandbox.folder())) {
      QuantizedWeights weights = QuantizedWeights.of(checkpoint);
      List<UserException> refused = new ArrayList<>();
      int read = 0;
      for (String module : Samples.MODULES) { // not every configuration fits every sample
        try {
          read += read(weights, module + ".weight") ? 1 : 0;
        } catch (UserException e) {
          refused.add(e);
        }
      }
      if (read == 0 && !refused.isEmpty()) {
        throw refused.getFirst();
      }
    }
  }

  private static boolean read(QuantizedWeights weights, String name) {
    if (!weights.isQuantized(name)) {
      return false;
    }
    weights.parts(name);
    MemorySegment out = MemorySegment.ofArray(new float[8 * 16]);
    weights.read(name, Shape.of(8, 16)).dequantize(DType.F32, out);
    return true;
  }
}
