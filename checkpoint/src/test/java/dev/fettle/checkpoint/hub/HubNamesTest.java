package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Names of models, patterns, and the variables of the environment.
class HubNamesTest {
  @Test
  void namesOfModels() {
    assertThat(ModelName.parse("google/gemma-2b"))
        .isEqualTo(new ModelName("google/gemma-2b", null, null));
    assertThat(ModelName.parse("gpt2").revisionOrMain()).isEqualTo("main");
    assertThat(ModelName.parse("a/b@refs/pr/3")).isEqualTo(new ModelName("a/b", "refs/pr/3", null));
    assertThat(ModelName.parse("a/b:Q4_K_M")).isEqualTo(new ModelName("a/b", null, "Q4_K_M"));
    assertThat(ModelName.parse("hf://a/b@v1:sub/x.gguf"))
        .isEqualTo(new ModelName("a/b", "v1", "sub/x.gguf"));
    assertThat(ModelName.parse("a/b@v1:x").toString()).isEqualTo("a/b@v1:x");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/a",
        "a/",
        "a/b/c",
        "../a",
        "a/..",
        ".a/b",
        "a/-b",
        "a--b",
        "a/b.git",
        "a b/c",
        "~/a",
        "a/b@",
        "a/b@../x",
        "a/b@/x",
        "a/b:",
        "a/b:../x",
        "a/b:/x",
        "a/b@a b",
        "C:\\x",
        "ä/b",
        "https://huggingface.co/a/b"
      })
  void whatIsNoName(String text) {
    assertThat(ModelName.tryParse(text)).isEmpty();
    assertThatThrownBy(() -> ModelName.parse(text)).isInstanceOf(UserException.class);
  }

  /// As Python 3.11's `fnmatch.fnmatchcase` answers, and `hf download` for a slash at the end.
  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "*.json config.json true",
        "*.json sub/config.json true",
        "*.JSON config.json false",
        "*.Q4_K_M.gguf model.Q4_K_M.gguf true",
        "data/ data/a/b true",
        "data/ data false",
        "a?c abc true",
        "a?c ac false",
        "[ab]c bc true",
        "[!ab]c bc false",
        "[!ab]c cc true",
        "[a-c]x bx true",
        "[a-c]x dx false",
        "[]]x ]x true",
        "[ab [ab true",
        "a*b*c aXbXbYc true",
        "a*b*c acb false",
        "** any/thing true",
        "x x true",
        "x xy false",
        "data\\*.json data/a.json true"
      })
  void patterns(String pattern, String path, boolean matches) {
    assertThat(Glob.matches(pattern, path)).isEqualTo(matches);
  }

  @Test
  void aPatternThatBacktracksEnds() {
    assertThat(Glob.matches("a*".repeat(500) + "b", "a".repeat(1000))).isFalse();
  }

  @Test
  void defaultsOfTheEnvironment(@TempDir Path home) {
    HubEnvironment environment = of(Map.of(), home);
    assertThat(environment.endpoint()).isEqualTo(URI.create("https://huggingface.co"));
    assertThat(environment.cache()).isEqualTo(home.resolve(".cache/huggingface/hub"));
    assertThat(environment.token()).isNull();
    assertThat(environment.offline()).isFalse();
    assertThat(environment.symlinks()).isTrue();
    assertThat(environment.timeout()).isEqualTo(Duration.ofSeconds(10));
  }

  @Test
  void theVariablesOfPython(@TempDir Path home) throws Exception {
    Path cache = home.resolve("somewhere/hub");
    assertThat(of(Map.of("HF_HOME", "~/somewhere"), home).cache()).isEqualTo(cache);
    assertThat(of(Map.of("HF_HOME", "$BASE/somewhere", "BASE", home.toString()), home).cache())
        .isEqualTo(cache);
    assertThat(of(Map.of("XDG_CACHE_HOME", home.resolve("x").toString()), home).cache())
        .isEqualTo(home.resolve("x/huggingface/hub"));
    assertThat(of(Map.of("HF_HUB_CACHE", cache.toString(), "HF_HOME", "/elsewhere"), home).cache())
        .isEqualTo(cache);
    assertThat(of(Map.of("HUGGINGFACE_HUB_CACHE", cache.toString()), home).cache())
        .isEqualTo(cache);
    assertThat(of(Map.of("HF_ENDPOINT", "http://localhost:80/base/"), home).endpoint())
        .isEqualTo(URI.create("http://localhost:80/base"));
    assertThat(of(Map.of("HF_HUB_OFFLINE", "True"), home).offline()).isTrue();
    assertThat(of(Map.of("TRANSFORMERS_OFFLINE", "1"), home).offline()).isTrue();
    assertThat(of(Map.of("HF_HUB_OFFLINE", "0"), home).offline()).isFalse();
    assertThat(of(Map.of("HF_HUB_DISABLE_SYMLINKS", "1"), home).symlinks()).isFalse();
    assertThat(of(Map.of("HF_TOKEN", " hf_a\n"), home).token()).isEqualTo("hf_a");

    Files.createDirectories(home.resolve(".cache/huggingface"));
    Files.writeString(home.resolve(".cache/huggingface/token"), "hf_file\n");
    assertThat(of(Map.of(), home).token()).isEqualTo("hf_file");
    assertThat(of(Map.of("HF_TOKEN", "hf_a"), home).token()).isEqualTo("hf_a");
    assertThat(of(Map.of("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), home).token()).isNull();
    Path file = Files.writeString(home.resolve("t"), "hf_path");
    assertThat(of(Map.of("HF_TOKEN_PATH", file.toString()), home).token()).isEqualTo("hf_path");
  }

  @Test
  void wrongVariablesAreRefusedWithoutTheirSecrets(@TempDir Path home) {
    for (Map<String, String> wrong :
        List.of(
            Map.of("HF_ENDPOINT", "ftp://secret"),
            Map.of("HF_ENDPOINT", "https://user:secret@host"),
            Map.of("HF_ENDPOINT", "secret"),
            Map.of("HF_TOKEN", "secret\u0007"),
            Map.of("HTTPS_PROXY", "http://user:secret@host:1"),
            Map.of("https_proxy", "socks5://secret:1"),
            Map.of("HF_HUB_DOWNLOAD_TIMEOUT", "soon"))) {
      assertThatThrownBy(() -> of(wrong, home))
          .isInstanceOf(UserException.class)
          .hasMessageNotContaining("secret");
    }
  }

  @Test
  void proxies(@TempDir Path home) {
    HubProxy proxy =
        of(
                Map.of(
                    "https_proxy",
                    "http://proxy:3128",
                    "HTTP_PROXY",
                    "plain",
                    "NO_PROXY",
                    "localhost, .corp.example"),
                home)
            .proxy();
    assertThat(String.valueOf(proxy.forUri(URI.create("https://huggingface.co/x"))))
        .contains("proxy")
        .contains("3128");
    assertThat(String.valueOf(proxy.forUri(URI.create("http://host")))).contains("plain");
    assertThat(proxy.forUri(URI.create("https://localhost:9/x"))).isNull();
    assertThat(proxy.forUri(URI.create("https://hub.corp.example/x"))).isNull();
    assertThat(proxy.forUri(URI.create("https://notcorp.example/x"))).isNotNull();
  }

  private static HubEnvironment of(Map<String, String> variables, Path home) {
    return HubEnvironment.of(variables::get, home);
  }
}
