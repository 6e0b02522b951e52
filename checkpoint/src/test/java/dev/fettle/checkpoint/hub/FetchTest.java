package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Where files go, and what is not downloaded twice.
class FetchTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final byte[] CONFIG =
      "{\"model_type\": \"llama\"}".getBytes(StandardCharsets.UTF_8);
  private static final byte[] TENSORS = FetchFixture.bytes(300_000, 1);

  @TempDir Path folder;
  private FetchFixture fixture;

  @BeforeEach
  void start() {
    fixture = new FetchFixture(folder);
    fixture.hub.with("config.json", CONFIG).withLarge(WEIGHTS, TENSORS);
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  private FetchRequest request() {
    return FetchRequest.of(ModelName.parse(FakeHub.MODEL));
  }

  @Test
  void theCacheLooksAsPythonKeepsIt() throws IOException {
    Path snapshot = fixture.fetch();

    assertThat(snapshot).isEqualTo(fixture.snapshot());
    assertThat(fixture.repository().resolve("refs/main")).hasContent(FakeHub.COMMIT);
    Path pointer = snapshot.resolve(WEIGHTS);
    assertThat(Files.readSymbolicLink(pointer))
        .isEqualTo(Path.of("../../blobs").resolve(fixture.hub.etag(WEIGHTS)));
    assertThat(pointer).hasBinaryContent(TENSORS);
    assertThat(Files.readSymbolicLink(snapshot.resolve("config.json")).getFileName())
        .hasToString(fixture.hub.etag("config.json"));
    assertThat(fixture.cache.resolve(".locks/models--acme--tiny"))
        .isDirectoryContaining("glob:**/" + fixture.hub.etag(WEIGHTS) + ".lock");
    assertThat(fixture.cache.resolve("CACHEDIR.TAG")).exists();
    assertThat(fixture.part(WEIGHTS)).doesNotExist();
    assertThat(fixture.received).isEqualTo(CONFIG.length + TENSORS.length);
  }

  @Test
  void theSecondTimeOnlyTheListingIsAskedFor() {
    fixture.fetch();
    fixture.hub.requests().clear();

    fixture.fetch();

    assertThat(fixture.hub.requests()).hasSize(1);
  }

  @Test
  void aBlobOfAnotherCommitIsLinkedAndNotDownloaded() throws IOException {
    Files.createDirectories(fixture.blob(WEIGHTS).getParent());
    Files.write(fixture.blob(WEIGHTS), TENSORS);

    Path snapshot = fixture.fetch();

    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(TENSORS);
    assertThat(fixture.hub.gets(WEIGHTS)).isEmpty();
  }

  @Test
  void aFileThatLostItsEndIsDownloadedAgain() throws IOException {
    fixture.fetch();
    Files.write(fixture.blob(WEIGHTS), new byte[10]);

    Path snapshot = fixture.fetch();

    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }

  @Test
  void forceDownloadsEverythingAgain() {
    fixture.fetch();
    fixture.hub.requests().clear();

    fixture.fetch(request().withForce(true));

    assertThat(fixture.hub.gets(WEIGHTS)).hasSize(1);
    assertThat(fixture.hub.gets("config.json")).hasSize(1);
  }

  @Test
  void withoutSymbolicLinksTheSnapshotHoldsTheFiles() {
    HubEnvironment plain = fixture.environment;
    fixture.environment =
        new HubEnvironment(
            plain.endpoint(), null, plain.cache(), false, false, plain.timeout(), plain.proxy());

    Path snapshot = fixture.fetch();

    assertThat(snapshot.resolve(WEIGHTS)).isRegularFile().hasBinaryContent(TENSORS);
    assertThat(Files.isSymbolicLink(snapshot.resolve(WEIGHTS))).isFalse();
    fixture.hub.requests().clear();
    fixture.fetch();
    assertThat(fixture.hub.requests()).hasSize(1);
  }

  @Test
  void aLocalFolderGetsPlainFilesAndPythonsNotes() throws IOException {
    Path local = folder.resolve("here");
    fixture.fetch(request().into(local));

    assertThat(local.resolve(WEIGHTS)).hasBinaryContent(TENSORS);
    List<String> notes =
        Files.readAllLines(
            local.resolve(".cache/huggingface/download").resolve(WEIGHTS + ".metadata"));
    assertThat(notes.subList(0, 2)).containsExactly(FakeHub.COMMIT, fixture.hub.etag(WEIGHTS));
    assertThat(fixture.cache.resolve("models--acme--tiny/refs")).doesNotExist();

    fixture.hub.requests().clear();
    fixture.fetch(request().into(local));
    assertThat(fixture.hub.requests()).hasSize(1);
  }

  @Test
  void aLocalFileThatWasChangedIsDownloadedAgain() throws IOException {
    Path local = folder.resolve("here");
    fixture.fetch(request().into(local));
    byte[] changed = TENSORS.clone();
    changed[5]++;
    Files.write(local.resolve(WEIGHTS), changed);
    Files.delete(local.resolve(".cache/huggingface/download").resolve(WEIGHTS + ".metadata"));

    fixture.fetch(request().into(local));

    assertThat(local.resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }

  @Test
  void aLocalFolderIsFilledFromTheCache() {
    fixture.fetch();
    fixture.hub.requests().clear();

    fixture.fetch(request().into(folder.resolve("here")));

    assertThat(fixture.hub.gets(WEIGHTS)).isEmpty();
    assertThat(folder.resolve("here").resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }

  @Test
  void aLinkInALocalFolderLeadsNowhere() throws IOException {
    fixture.hub.with("sub/a.json", CONFIG);
    Path local = Files.createDirectories(folder.resolve("here"));
    Path outside = Files.createDirectories(folder.resolve("outside"));
    Files.createSymbolicLink(local.resolve("sub"), outside);

    assertThatThrownBy(
            () -> fixture.fetch(request().into(local).withPatterns(List.of("*.json"), List.of())))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("is a symbolic link");
    assertThat(outside).isEmptyDirectory();
  }

  @Test
  void planOnlyAsks() {
    try (Fetch fetch = fixture.open(request())) {
      FetchPlan plan = fetch.plan();

      assertThat(plan.missing()).hasSize(2);
      assertThat(plan.missingBytes()).isEqualTo(CONFIG.length + TENSORS.length);
      assertThat(fixture.cache).doesNotExist();
    }
  }

  @Test
  void aFileThatIsNotThereIsRemembered() {
    assertThatThrownBy(() -> fixture.fetch(request().withPatterns(List.of("more.json"), List.of())))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("more.json");
    assertThat(fixture.repository().resolve(".no_exist/" + FakeHub.COMMIT + "/more.json")).exists();
  }

  @Test
  void twoAtOnceDownloadEachFileOnce() throws Exception {
    Callable<Path> one = fixture::fetch;
    try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
      for (Future<Path> done : pool.invokeAll(List.of(one, one, one, one))) {
        assertThat(done.get().resolve(WEIGHTS)).hasBinaryContent(TENSORS);
      }
    }
    assertThat(fixture.hub.gets(WEIGHTS)).hasSize(1);
    assertThat(fixture.hub.gets("config.json")).hasSize(1);
  }

  @Test
  void twoAtOnceIntoOneFolderOrWithoutLinksDoTheSame() throws Exception {
    HubEnvironment plain = fixture.environment;
    fixture.environment =
        new HubEnvironment(
            plain.endpoint(), null, plain.cache(), false, false, plain.timeout(), plain.proxy());
    FetchRequest local = request().into(folder.resolve("here"));
    for (FetchRequest each : List.of(request(), local)) {
      fixture.hub.requests().clear();
      Callable<Path> one = () -> fixture.fetch(each);
      try (ExecutorService pool = Executors.newFixedThreadPool(4)) {
        for (Future<Path> done : pool.invokeAll(List.of(one, one, one))) {
          assertThat(done.get().resolve(WEIGHTS)).hasBinaryContent(TENSORS);
        }
      }
      assertThat(fixture.hub.gets(WEIGHTS)).hasSize(each == local ? 0 : 1);
    }
  }

  @Test
  void aServerThatSaysNothingOfLengthsInHeadIsUnderstood() {
    fixture.hub.always(
        request -> request.method().equals("HEAD"),
        (request, out) ->
            FakeHub.send(out, request, 200, new byte[0], "X-Repo-Commit: " + FakeHub.COMMIT));

    assertThat(fixture.fetch().resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }

  @Test
  void aDiskThatIsTooSmallIsFoundBeforeTheStart() {
    fixture.hub.once(
        request -> request.path().contains("/api/"),
        (request, out) ->
            FakeHub.send(
                out,
                request,
                200,
                ("{\"sha\":\"%s\",\"siblings\":[{\"rfilename\":\"model.safetensors\",\"size\":%d,"
                        + "\"lfs\":{\"sha256\":\"%s\"}}]}")
                    .formatted(FakeHub.COMMIT, 1L << 49, "a".repeat(64))
                    .getBytes(StandardCharsets.UTF_8)));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("GB more and the disk of")
        .hasMessageContaining("HF_HOME");
    assertThat(fixture.hub.requests()).hasSize(1);
  }

  @Test
  void aListingWithoutSizesIsCompletedFromTheTree() {
    fixture.hub.once(
        request -> request.path().contains("/revision/"),
        (request, out) ->
            FakeHub.send(
                out,
                request,
                200,
                ("{\"sha\":\"%s\",\"siblings\":[{\"rfilename\":\"config.json\"},"
                        + "{\"rfilename\":\"model.safetensors\"}]}")
                    .formatted(FakeHub.COMMIT)
                    .getBytes(StandardCharsets.UTF_8)));
    fixture.hub.once(
        request -> request.path().contains("/tree/"),
        (request, out) ->
            FakeHub.send(
                out,
                request,
                200,
                ("[{\"type\":\"file\",\"path\":\"model.safetensors\",\"size\":%d,\"oid\":\"%s\","
                        + "\"lfs\":{\"oid\":\"%s\",\"size\":%d}}]")
                    .formatted(
                        TENSORS.length, "b".repeat(40), fixture.hub.etag(WEIGHTS), TENSORS.length)
                    .getBytes(StandardCharsets.UTF_8)));

    Path snapshot = fixture.fetch();

    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }

  @Test
  void aListingWithoutSizesIsEnough() {
    fixture.hub.always(
        request -> request.path().contains("/revision/"),
        (request, out) ->
            FakeHub.send(
                out,
                request,
                200,
                ("{\"sha\":\"%s\",\"siblings\":[{\"rfilename\":\"config.json\"},"
                        + "{\"rfilename\":\"model.safetensors\"}]}")
                    .formatted(FakeHub.COMMIT)
                    .getBytes(StandardCharsets.UTF_8)));

    assertThat(fixture.fetch().resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }
}
