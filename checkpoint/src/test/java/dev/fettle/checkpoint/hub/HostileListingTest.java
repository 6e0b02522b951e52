package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.Json;
import dev.fettle.tensor.UserException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.node.ObjectNode;

/// Listings made to write somewhere else, or to break the reader.
class HostileListingTest {
  private static final int MUTATIONS = 3000;

  static List<String> tricks() {
    List<String> tricks =
        new ArrayList<>(
            List.of(
                "../config.json",
                "a/../../config.json",
                "..",
                ".",
                "a/..",
                "/etc/cron.d/x.json",
                "//host/share.json",
                "C:config.json",
                "C:/config.json",
                "C:\\config.json",
                "..\\config.json",
                "\\\\host\\share\\x.json",
                "a//b.json",
                "a/",
                "./a.json",
                "config.json:stream",
                "con.json",
                "a/NUL",
                "aux",
                "com1.safetensors",
                "lpt9.json",
                "a./b.json",
                "x.json ",
                " x.json",
                ".git/config",
                "sub/.GIT/hooks/pre-commit",
                "",
                "a\u0000.json",
                "a\n.json",
                "a\u001b[2J.json",
                "a\u202Enosj.json",
                "\uD800.json",
                "a".repeat(256) + ".json",
                "a/".repeat(40) + "b.json",
                "é".repeat(130) + ".json"));
    tricks.add("ab/".repeat(400) + "x.json");
    return tricks;
  }

  private static String listing(String name) {
    ObjectNode root = Json.object().put("sha", FakeHub.COMMIT);
    root.putArray("siblings").addObject().put("rfilename", name).put("size", 2);
    return Json.compact(root);
  }

  @ParameterizedTest
  @MethodSource("tricks")
  void aNameThatLeadsElsewhereIsRefused(String name) {
    assertThatThrownBy(() -> RepoListing.parse(listing(name), "acme/tiny"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("which is refused");
  }

  @Test
  void ordinaryNamesAreTaken() {
    for (String name :
        List.of(
            "config.json",
            "model-00001-of-00002.safetensors",
            "sub/folder/a b.json",
            ".gitattributes",
            "..a.json",
            "a..b.json",
            "Überblick (1).json",
            "console.json",
            "auxiliary.json",
            "模型.json")) {
      assertThat(RepoListing.parse(listing(name), "acme/tiny").files().getFirst().path())
          .isEqualTo(name);
    }
  }

  @Test
  void nothingIsWrittenForAHostileListing(@TempDir Path folder) {
    try (FetchFixture fixture = new FetchFixture(folder)) {
      fixture.hub.once(
          request -> true,
          (request, out) ->
              FakeHub.send(
                  out, request, 200, listing("../x.json").getBytes(StandardCharsets.UTF_8)));
      assertThatThrownBy(fixture::fetch).isInstanceOf(UserException.class);
      assertThat(fixture.cache).doesNotExist();
    }
  }

  @Test
  void contradictionsAreRefused() {
    String sha = "{\"sha\":\"" + FakeHub.COMMIT + "\",\"siblings\":";
    for (String[] each :
        new String[][] {
          {sha + "[{\"rfilename\":\"a\"},{\"rfilename\":\"a\"}]}", "lists 'a' twice"},
          {sha + "[{\"rfilename\":\"a\"},{\"rfilename\":\"a/b\"}]}", "both as a file and"},
          {sha + "[{\"rfilename\":\"a\",\"size\":-1}]}", "which no file has"},
          {sha + "[{\"rfilename\":\"a\",\"size\":1e999}]}", "which no file has"},
          {sha + "[{\"rfilename\":\"a\",\"size\":9223372036854775807}]}", "which no file has"},
          {sha + "[{\"rfilename\":\"a\",\"size\":\"7\"}]}", "which no file has"},
          {sha + "[{\"size\":7}]}", "a file without a name"},
          {"{\"sha\":\"../../x\",\"siblings\":[]}", "has no commit"},
          {"{\"siblings\":[]}", "has no commit"},
          {"[]", "Expected a JSON object"},
          {"{", "Malformed JSON"},
          {"[".repeat(100_000), "Malformed JSON"},
        }) {
      assertThatThrownBy(() -> RepoListing.parse(each[0], "acme/tiny"))
          .as(each[0].substring(0, Math.min(100, each[0].length())))
          .isInstanceOf(UserException.class)
          .hasMessageContaining(each[1]);
    }
  }

  @Test
  void mutatedListingsAreReadOrRefused() {
    String sound =
        ("{\"sha\":\"%s\",\"siblings\":[{\"rfilename\":\"config.json\",\"size\":17,\"blobId\":\"%s\"},"
                + "{\"rfilename\":\"model.safetensors\",\"size\":9,\"lfs\":{\"sha256\":\"%s\",\"size\":9}}]}")
            .formatted(FakeHub.COMMIT, "a".repeat(40), "b".repeat(64));
    Random random = new Random(7);
    int read = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      StringBuilder text = new StringBuilder(sound);
      for (int j = random.nextInt(4); j >= 0; j--) {
        int at = random.nextInt(text.length());
        switch (random.nextInt(3)) {
          case 0 -> text.setCharAt(at, "{}[]\",:/\\.0-9e nul".charAt(random.nextInt(17)));
          case 1 -> text.deleteCharAt(at);
          default -> text.insert(at, text.substring(at, Math.min(text.length(), at + 20)));
        }
      }
      try {
        RepoListing listing = RepoListing.parse(text.toString(), "acme/tiny");
        FileChoice.of(listing, FetchRequest.of(ModelName.parse("acme/tiny")));
        read++;
      } catch (UserException e) {
        assertThat(e.getMessage()).isNotBlank();
      }
    }
    assertThat(read).isBetween(1, MUTATIONS - 1);
  }
}
