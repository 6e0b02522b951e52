import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.engine.Scope;
import dev.fettle.lora.AdapterFolder;
import dev.fettle.lora.LoraAdapter;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.text.Tokenizer;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// What Fettle computes from model files, for other tools to be compared with. Run from source, with
/// Fettle's jars on the class path.
///
/// Arguments: a folder for the results, and a file with one JSON object per line: `name`, `model`,
/// `adapter` (or null), `ids` (rows of token ids of equal length), `texts`. For each line it
/// writes, or says in `NAME.error` why it cannot:
///
/// - `NAME.safetensors`: `logits`, float32, [rows · length × vocabulary], computed in float32, and
///   every quantized weight (of a GGUF file every tensor) under its Hugging Face name, as float32;
/// - `NAME.json`: `tokens`, the ids of each text without special tokens.
final class FettleNumbers {
  private final Path results;

  private FettleNumbers(Path results) {
    this.results = results;
  }

  public static void main(String[] arguments) throws IOException {
    FettleNumbers numbers = new FettleNumbers(Path.of(arguments[0]));
    for (String line : Files.readAllLines(Path.of(arguments[1]))) {
      numbers.write(Json.parse(line, arguments[1]));
    }
  }

  private void write(ObjectNode job) throws IOException {
    String name = job.get("name").asString();
    Path model = Path.of(job.get("model").asString());
    try (Arena arena = Arena.ofShared();
        UnpackedCheckpoint checkpoint = UnpackedCheckpoint.open(model)) {
      LinkedHashMap<String, HostTensor> tensors = new LinkedHashMap<>();
      weights(checkpoint, arena, tensors);
      logits(model, job, tensors);
      Path file = results.resolve(name + ".safetensors");
      SafetensorsWriter.write(file, tensors, SafetensorsWriter.PYTORCH_METADATA);
      Files.writeString(results.resolve(name + ".json"), Json.compact(tokens(model, job)));
    } catch (RuntimeException e) {
      Files.writeString(results.resolve(name + ".error"), String.valueOf(e.getMessage()));
    }
  }

  /// Views of the checkpoint's file, where nothing has to be unpacked.
  private static void weights(
      UnpackedCheckpoint checkpoint, Arena arena, LinkedHashMap<String, HostTensor> tensors) {
    boolean oneFile = Files.isRegularFile(checkpoint.path()); // GGUF: the floats were moved as well
    for (String name : checkpoint.infos().keySet()) {
      if (oneFile || checkpoint.isPacked(name)) {
        tensors.put(name, checkpoint.tensor(name, DType.F32, arena));
      }
    }
  }

  private static void logits(
      Path folder, ObjectNode job, LinkedHashMap<String, HostTensor> tensors) {
    JsonNode adapter = job.get("adapter");
    try (CausalLm model =
        CausalLm.load(folder, LoadOptions.defaults().withComputeDtype(DType.F32))) {
      if (adapter.isNull()) {
        tensors.put("logits", logits(model, job));
        return;
      }
      try (AdapterFolder adapterFolder = AdapterFolder.open(Path.of(adapter.asString()));
          LoraAdapter attached = LoraAdapter.attach(model, adapterFolder)) {
        tensors.put("logits", logits(model, job));
      }
    }
  }

  private static HostTensor logits(CausalLm model, ObjectNode job) {
    int[][] ids =
        job.get("ids")
            .valueStream()
            .map(row -> row.valueStream().mapToInt(JsonNode::asInt).toArray())
            .toArray(int[][]::new);
    try (Scope scope = Scope.open()) {
      float[] values = model.logits(ids).toFloats();
      return HostTensor.of(values, values.length / model.config().vocabSize(), model.config().vocabSize());
    }
  }

  private static ObjectNode tokens(Path model, ObjectNode job) {
    ObjectNode result = Json.object();
    ArrayNode tokens = result.putArray("tokens");
    try (Tokenizer tokenizer = Tokenizer.load(model)) {
      for (JsonNode text : job.get("texts")) {
        ArrayNode ids = tokens.addArray();
        for (int id : tokenizer.encode(text.asString(), false)) {
          ids.add(id);
        }
      }
    }
    return result;
  }
}
