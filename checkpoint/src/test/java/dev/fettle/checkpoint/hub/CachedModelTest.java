package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Names of models that are in the cache, whoever put them there.
class CachedModelTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir Path home;

  private HubEnvironment environment() {
    return HubEnvironment.of(Map.of("HF_HOME", home.toString())::get, home);
  }

  private Path find(String name) {
    return CachedModel.pathOf(Path.of(name), this::environment);
  }

  private Path snapshot(String... files) throws IOException {
    Path repository = home.resolve("hub/models--acme--tiny");
    Path snapshot = repository.resolve("snapshots").resolve(COMMIT);
    Files.createDirectories(repository.resolve("refs"));
    Files.writeString(repository.resolve("refs/main"), COMMIT);
    for (String file : files) {
      Files.createDirectories(snapshot.resolve(file).getParent());
      Files.writeString(snapshot.resolve(file), "{}");
    }
    return snapshot;
  }

  @Test
  void byName() throws IOException {
    Path snapshot = snapshot("config.json", "model.safetensors");
    assertThat(find("acme/tiny")).isEqualTo(snapshot);
    assertThat(find("acme/tiny@main")).isEqualTo(snapshot);
    assertThat(find("acme/tiny@" + COMMIT)).isEqualTo(snapshot);
    assertThat(CachedModel.nameOf(snapshot)).isEqualTo("acme/tiny");
    assertThat(CachedModel.nameOf(Path.of("some/folder"))).isEqualTo("some/folder");
  }

  @Test
  void whatIsThereComesFirst() throws IOException {
    snapshot("config.json", "model.safetensors");
    assertThat(
            CachedModel.pathOf(
                home,
                () -> {
                  throw new IllegalStateException("asked for nothing");
                }))
        .isEqualTo(home);
    assertThat(find("/no/such/folder")).isEqualTo(Path.of("/no/such/folder"));
    assertThat(find("nothing")).isEqualTo(Path.of("nothing"));
  }

  @Test
  void whatWasNotFetched() throws IOException {
    snapshot("config.json", "model.safetensors");
    for (String name : new String[] {"acme/other", "acme/tiny@v2"}) {
      assertThatThrownBy(() -> find(name))
          .isInstanceOf(UserException.class)
          .hasMessageEndingWith("fetch it with: fettle fetch " + name);
    }
  }

  @Test
  void whatWasFetchedInPart() throws IOException {
    Path snapshot = snapshot("config.json");
    assertThatThrownBy(() -> find("acme/tiny"))
        .isInstanceOf(UserException.class)
        .hasMessage(
            "Only a part of acme/tiny is in the cache (there are no weights); fetch the rest with: fettle"
                + " fetch acme/tiny");
    Files.writeString(
        snapshot.resolve("model.safetensors.index.json"),
        "{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\",\"b\":\"x.safetensors\"}}");
    Files.writeString(snapshot.resolve("x.safetensors"), "");
    assertThatThrownBy(() -> find("acme/tiny"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model-00001-of-00002.safetensors is missing");
    Files.writeString(snapshot.resolve("model-00001-of-00002.safetensors"), "");
    assertThat(find("acme/tiny")).isEqualTo(snapshot);
  }

  @Test
  void ggufFilesByNameAndTag() throws IOException {
    Path snapshot = snapshot("config.json", "m-Q2_K.gguf");
    assertThat(find("acme/tiny")).isEqualTo(snapshot.resolve("m-Q2_K.gguf"));
    snapshot("big/m-Q8_0-00001-of-00002.gguf", "big/m-Q8_0-00002-of-00002.gguf");
    Path shard = snapshot.resolve("big/m-Q8_0-00001-of-00002.gguf");
    assertThat(find("acme/tiny:Q8_0")).isEqualTo(shard);
    assertThat(find("acme/tiny:m-Q2_K.gguf")).isEqualTo(snapshot.resolve("m-Q2_K.gguf"));
    assertThatThrownBy(() -> find("acme/tiny"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("acme/tiny:big/m-Q8_0-00001-of-00002.gguf, acme/tiny:m-Q2_K.gguf");
    assertThatThrownBy(() -> find("acme/tiny:Q6_K"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'Q6_K' was not fetched");
  }

  @Test
  void aRefThatIsNoCommitLeadsNowhere() throws IOException {
    snapshot("config.json", "model.safetensors");
    Files.writeString(home.resolve("hub/models--acme--tiny/refs/main"), "../../../etc");
    assertThatThrownBy(() -> find("acme/tiny")).isInstanceOf(UserException.class);
  }
}
