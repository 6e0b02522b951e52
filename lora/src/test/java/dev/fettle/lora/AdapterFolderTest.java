package dev.fettle.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.checkpoint.SafetensorsWriter;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.model.CausalLm;
import dev.fettle.model.LoadOptions;
import dev.fettle.model.Parameter;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.SequencedMap;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ObjectNode;

class AdapterFolderTest {
  private static final LoraConfig ALL = LoraConfig.of(8, 16, new TargetModules.AllLinear());
  private static final String Q0 = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

  @TempDir Path folder;

  @Test
  void hasExactlyTheTensorsPeftWrites() {
    Path written = writeFresh("ours", 1);
    try (TensorSource ours = tensors(written);
        TensorSource peft = tensors(Golden.adapter())) {
      assertThat(ours.infos().values()).hasSameElementsAs(peft.infos().values());
      assertThat(ours.infos().values()).extracting(TensorInfo::dtype).containsOnly(DType.F32);
    }
    ObjectNode config = Json.read(written.resolve(AdapterFolder.CONFIG));
    ObjectNode peft = Json.read(Golden.adapter().resolve(AdapterFolder.CONFIG));
    assertThat(peft.propertyNames()).containsAll(config.propertyNames());
    for (String key : config.propertyNames()) {
      if (key.equals("target_modules")) {
        assertThat(config.get(key)).containsExactlyInAnyOrderElementsOf(peft.get(key));
      } else if (!key.equals("base_model_name_or_path")) {
        assertThat(config.get(key)).as(key).isEqualTo(peft.get(key));
      }
    }
  }

  /// A uniform in ±1/√in, as `kaiming_uniform_(a=√5)` makes it; B zero.
  @Test
  void startsAsPeftStarts() {
    try (CausalLm model = CausalLm.load(Golden.baseNf4(), LoadOptions.defaults());
        LoraAdapter adapter = LoraAdapter.attach(model, ALL, 7)) {
      for (String path : adapter.targets()) {
        float[] a = adapter.pair(path).a().value().toFloats();
        double bound = 1 / Math.sqrt(model.linear(path).weight().in());
        double largest = 0;
        double squares = 0;
        for (float value : a) {
          largest = Math.max(largest, Math.abs(value));
          squares += (double) value * value;
        }
        assertThat(largest).as(path).isBetween(0.97 * bound, bound);
        // The variance of a uniform distribution; 512 values or more leave it within 15 %.
        assertThat(squares / a.length / (bound * bound / 3)).as(path).isBetween(0.85, 1.15);
        assertThat(adapter.pair(path).b().value().toFloats()).containsOnly(0);
      }
      Parameter first = adapter.parameters().getFirst();
      Parameter second = adapter.parameters().get(2);
      assertThat(first.value().toFloats()).isNotEqualTo(second.value().toFloats());
      int[][] ids = {{1, 300, 40, 77}};
      float[] with = Golden.logits(model, ids);
      adapter.enabled(false);
      assertThat(with).isEqualTo(Golden.logits(model, ids));
    }
  }

  @Test
  void sameSeedSameBytes() throws IOException {
    byte[] once = Files.readAllBytes(writeFresh("one", 5).resolve(AdapterFolder.TENSORS));
    byte[] again = Files.readAllBytes(writeFresh("two", 5).resolve(AdapterFolder.TENSORS));
    byte[] other = Files.readAllBytes(writeFresh("three", 6).resolve(AdapterFolder.TENSORS));
    assertThat(again).isEqualTo(once);
    assertThat(other).isNotEqualTo(once);
  }

  @Test
  void closingTakesTheAdapterOff() {
    int[][] ids = {{1, 300, 40, 77}};
    try (CausalLm model = CausalLm.load(Golden.baseNf4(), LoadOptions.defaults())) {
      float[] base = Golden.logits(model, ids);
      try (AdapterFolder stored = AdapterFolder.open(Golden.adapter());
          LoraAdapter adapter = LoraAdapter.attach(model, stored)) {
        assertThat(Golden.logits(model, ids)).isNotEqualTo(base);
        assertThat(adapter.parameterCount()).isEqualTo(46240);
      }
      assertThat(Golden.logits(model, ids)).isEqualTo(base);
    }
  }

  /// An adapter whose shapes are those of a wider model.
  @Test
  void refusesAnAdapterOfAnotherModel() throws IOException {
    Path wide = changed(tensor -> resized(tensor, 65));
    refuses(
        wide, "Tensor '%s' of adapter %s has shape [8, 65]; this model needs".formatted(Q0, wide));
  }

  @Test
  void refusesARankThatTheConfigDoesNotSay() throws IOException {
    Path copy = changed(UnaryOperator.identity());
    editConfig(copy, json -> json.put("r", 4));
    refuses(copy, "Tensor '%s' of adapter %s has shape [8, 64]".formatted(Q0, copy));
  }

  @Test
  void refusesMissingAndUnknownTensors() throws IOException {
    Path copy = changed(UnaryOperator.identity());
    editConfig(copy, json -> json.put("target_modules", ".*k_proj"));
    refuses(
        copy,
        "holds 'base_model.model.model.layers.0.mlp.down_proj.lora_A.weight', which belongs to no target layer of this model");

    Path fewer = folder.resolve("fewer");
    Files.createDirectories(fewer);
    Files.copy(
        Golden.variant("regex").resolve(AdapterFolder.TENSORS),
        fewer.resolve(AdapterFolder.TENSORS));
    Files.copy(Golden.adapter().resolve(AdapterFolder.CONFIG), fewer.resolve(AdapterFolder.CONFIG));
    editConfig(fewer, json -> json.put("r", 4));
    refuses(
        fewer,
        "has no tensor 'base_model.model.model.layers.0.self_attn.v_proj.lora_A.weight', which its adapter_config.json demands");
  }

  @Test
  void refusesWhatIsNoAdapterFolder() {
    assertThatThrownBy(() -> AdapterFolder.open(Golden.baseNf4()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(
            "is not an adapter folder; expected adapter_config.json and adapter_model.safetensors");
  }

  private Path writeFresh(String name, long seed) {
    Path target = folder.resolve(name);
    try (CausalLm model = CausalLm.load(Golden.baseNf4(), LoadOptions.defaults());
        LoraAdapter adapter = LoraAdapter.attach(model, ALL, seed)) {
      AdapterFolder.write(target, adapter);
    }
    return target;
  }

  /// The golden adapter with the tensor [Q0] replaced.
  private Path changed(UnaryOperator<HostTensor> change) throws IOException {
    Path copy = folder.resolve("changed");
    Files.createDirectories(copy);
    Files.copy(Golden.adapter().resolve(AdapterFolder.CONFIG), copy.resolve(AdapterFolder.CONFIG));
    try (TensorSource original = tensors(Golden.adapter())) {
      SequencedMap<String, HostTensor> values = new LinkedHashMap<>();
      for (String name : original.infos().keySet()) {
        HostTensor tensor = original.tensor(name);
        values.put(name, name.equals(Q0) ? change.apply(tensor) : tensor);
      }
      SafetensorsWriter.write(
          copy.resolve(AdapterFolder.TENSORS), values, SafetensorsWriter.PYTORCH_METADATA);
    }
    return copy;
  }

  private static HostTensor resized(HostTensor tensor, int columns) {
    int rows = (int) tensor.shape().dim(0);
    return HostTensor.of(new float[rows * columns], rows, columns);
  }

  private static void editConfig(Path adapter, Consumer<ObjectNode> edit) throws IOException {
    ObjectNode json = Json.read(adapter.resolve(AdapterFolder.CONFIG));
    edit.accept(json);
    Files.writeString(adapter.resolve(AdapterFolder.CONFIG), Json.pretty(json));
  }

  private static void refuses(Path adapter, String why) {
    try (CausalLm model = CausalLm.load(Golden.baseNf4(), LoadOptions.defaults());
        AdapterFolder stored = AdapterFolder.open(adapter)) {
      assertThatThrownBy(() -> LoraAdapter.attach(model, stored))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(why);
    }
  }

  private static TensorSource tensors(Path adapter) {
    return SafetensorsFile.open(adapter.resolve(AdapterFolder.TENSORS));
  }
}
