package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Which files of real kinds of repositories are fetched.
class FileChoiceTest {
  private static List<String> choose(String model, String... files) {
    return choose(FetchRequest.of(ModelName.parse(model)), files);
  }

  private static List<String> choose(FetchRequest request, String... files) {
    return choice(request, files).files().stream().map(RepoFile::path).sorted().toList();
  }

  private static FileChoice choice(FetchRequest request, String... files) {
    return FileChoice.of(
        new RepoListing(
            FakeHub.COMMIT,
            Stream.of(files).map(path -> new RepoFile(path, 1, null, null)).toList(),
            true),
        request);
  }

  @Test
  void weightsOnceAndWhatBelongsToThem() {
    assertThat(
            choose(
                "google/gemma-2b",
                ".gitattributes",
                "README.md",
                "config.json",
                "gemma-2b.gguf",
                "generation_config.json",
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                "model.safetensors.index.json",
                "special_tokens_map.json",
                "tokenizer.json",
                "tokenizer.model",
                "tokenizer_config.json"))
        .containsExactly(
            "config.json",
            "generation_config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "tokenizer.model",
            "tokenizer_config.json");
  }

  @Test
  void copiesInOtherFormatsAreLeftOut() {
    assertThat(
            choose(
                "meta/llama",
                "LICENSE.txt",
                "chat_template.jinja",
                "config.json",
                "consolidated.safetensors",
                "model.fp16.safetensors",
                "model.safetensors",
                "onnx/config.json",
                "onnx/model.onnx",
                "original/consolidated.00.pth",
                "pytorch_model.bin",
                "pytorch_model.bin.index.json",
                "rust_model.ot",
                "tf_model.h5"))
        .containsExactly("LICENSE.txt", "chat_template.jinja", "config.json", "model.safetensors");
  }

  @Test
  void weightsUnderAnotherName() {
    assertThat(choose("a/b", "config.json", "gptq_model-4bit-128g.safetensors"))
        .containsExactly("config.json", "gptq_model-4bit-128g.safetensors");
    assertThat(choose("a/b", "adapter_config.json", "adapter_model.safetensors", "optimizer.pt"))
        .containsExactly("adapter_config.json", "adapter_model.safetensors");
  }

  @Test
  void ggufTakesTheUsualOneAndSaysSo() {
    String[] files = {
      "config.json", "m-Q2_K.gguf", "m-Q4_K_M.gguf", "m-Q4_K_M_L.gguf", "mmproj-f16.gguf"
    };
    assertThat(choose("a/b", files)).containsExactly("config.json", "m-Q4_K_M.gguf");
    assertThat(choice(FetchRequest.of(ModelName.parse("a/b")), files).notes())
        .singleElement()
        .asString()
        .contains("took m-Q4_K_M.gguf of 3 GGUF models");
    assertThat(choose("a/b:q2_k", files)).containsExactly("config.json", "m-Q2_K.gguf");
    assertThat(choose("a/b:m-Q2_K.gguf", files)).containsExactly("config.json", "m-Q2_K.gguf");
  }

  @Test
  void ggufInShardsIsOneModel() {
    String[] files = {
      "Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf", "m-Q2_K.gguf"
    };
    assertThat(choose("a/b:Q8_0", files))
        .containsExactly("Q8_0/m-Q8_0-00001-of-00002.gguf", "Q8_0/m-Q8_0-00002-of-00002.gguf");
    assertThat(choose("a/b", files[0], files[1])).hasSize(2);
  }

  @Test
  void whereOnlyTheUserCanChoose() {
    assertThatThrownBy(() -> choose("a/b", "m-Q2_K.gguf", "m-Q3_K.gguf"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("choose one with 'fettle fetch a/b:NAME'")
        .hasMessageContaining("m-Q2_K.gguf, m-Q3_K.gguf");
    assertThatThrownBy(() -> choose("a/b:Q9", "m-Q2_K.gguf", "m-Q3_K.gguf"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("has no file 'Q9'");
  }

  @Test
  void pickleIsNeverTaken() {
    assertThatThrownBy(() -> choose("a/b", "config.json", "pytorch_model.bin", "tokenizer.json"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("a/b has its weights only as pytorch_model.bin")
        .hasMessageContaining("safetensors");
    FetchRequest all = FetchRequest.of(ModelName.parse("a/b"));
    assertThat(
            choose(
                all.withPatterns(List.of("*"), List.of()),
                "x.json",
                "a.BIN",
                "b.pt",
                "c.pth",
                "d.pkl",
                "e.ckpt",
                "f.npz",
                "g.joblib",
                "model.pth.tar",
                "data.PKL.gz",
                "weights.pdparams",
                "weights.pdopt",
                "x.sav",
                "y.th",
                "z.t7"))
        .containsExactly("x.json");
    assertThat(
            choose(
                all.withPatterns(List.of("*"), List.of()),
                "README.th.md",
                "bin",
                "pt.tar",
                "pytorch_model.bin.index.json"))
        .containsExactly("README.th.md", "bin", "pt.tar", "pytorch_model.bin.index.json");
    assertThatThrownBy(() -> choose(all.withPatterns(List.of("*.bin"), List.of()), "a.bin"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is not downloaded");
    assertThatThrownBy(() -> choose("a/b:a.bin", "a.bin"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is not downloaded");
  }

  @Test
  void patternsChooseAndLeaveOut() {
    FetchRequest all = FetchRequest.of(ModelName.parse("a/b"));
    String[] files = {"README.md", "config.json", "m.Q4_K_M.gguf", "m.Q8_0.gguf", "sub/x.json"};
    assertThat(choose(all.withPatterns(List.of("*.Q4_K_M.gguf"), List.of()), files))
        .containsExactly("m.Q4_K_M.gguf");
    assertThat(choose(all.withPatterns(List.of("*"), List.of("*.gguf", "sub/")), files))
        .containsExactly("README.md", "config.json");
    assertThat(choose(all.withPatterns(List.of(), List.of("*.md")), "m.gguf", "a.json"))
        .containsExactly("a.json", "m.gguf");
    assertThatThrownBy(() -> choose(all.withPatterns(List.of("*.txt"), List.of()), files))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("No file of a/b matches *.txt; it has README.md");
    assertThatThrownBy(() -> choose(all.withPatterns(List.of("*"), List.of("*")), files))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("leaves nothing");
  }

  @Test
  void aRepositoryWithoutWeightsSaysSo() {
    assertThat(choice(FetchRequest.of(ModelName.parse("a/b")), "tokenizer.json").notes())
        .containsExactly("a/b has no weights, only the other files are fetched");
    assertThatThrownBy(() -> choose("a/b", "README.md"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("choose with --include among README.md");
  }
}
