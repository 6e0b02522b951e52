package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.net.URI;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Redirects and tokens: the token goes to the hub alone, refusals say what to do.
class AccessTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final byte[] TENSORS = FetchFixture.bytes(10_000, 4);
  private static final Predicate<FakeHub.Request> RESOLVE =
      request -> request.path().contains("/resolve/") && request.path().endsWith(WEIGHTS);

  @TempDir Path folder;
  private FetchFixture fixture;

  @BeforeEach
  void start() {
    fixture = new FetchFixture(folder).withToken();
    fixture.hub.withLarge(WEIGHTS, TENSORS);
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  private void redirect(int status, String location) {
    fixture.hub.always(
        RESOLVE,
        (request, out) ->
            FakeHub.send(
                out,
                request,
                status,
                new byte[0],
                "Location: " + location,
                "X-Repo-Commit: " + FakeHub.COMMIT,
                "X-Linked-Size: " + TENSORS.length,
                "X-Linked-Etag: \"" + fixture.hub.etag(WEIGHTS) + "\""));
  }

  private void refuse(int status, String... headers) {
    fixture.hub.always(
        request -> true,
        (request, out) -> FakeHub.send(out, request, status, new byte[0], headers));
  }

  @Test
  void theTokenStaysWhenAnotherHostHasTheBytes() {
    try (FakeHub bytes = new FakeHub()) {
      bytes.always(
          request -> true, (request, out) -> FakeHub.content(out, request, TENSORS, "\"another\""));
      redirect(302, bytes.endpoint() + "/blob?signature=a%2Fb&x=\"y z\"");

      assertThat(fixture.fetch().resolve(WEIGHTS)).hasBinaryContent(TENSORS);

      assertThat(bytes.requests()).hasSize(1);
      assertThat(bytes.requests().getFirst().headers()).doesNotContainKey("authorization");
      assertThat(bytes.requests().getFirst().path())
          .isEqualTo("/blob?signature=a%2Fb&x=%22y%20z%22");
      assertThat(fixture.hub.requests())
          .allMatch(
              request -> request.header("Authorization").equals("Bearer " + FetchFixture.TOKEN));
    }
  }

  @Test
  void theTokenStaysEvenWhenTheOtherHostSendsUsBack() {
    try (FakeHub bytes = new FakeHub()) {
      bytes.always(
          request -> true,
          (request, out) ->
              FakeHub.send(
                  out,
                  request,
                  302,
                  new byte[0],
                  "Location: " + fixture.hub.endpoint() + "/stolen"));
      fixture.hub.always(
          request -> request.path().equals("/stolen"),
          (request, out) -> FakeHub.content(out, request, TENSORS, "\"x\""));
      redirect(302, bytes.endpoint() + "/away");

      fixture.fetch();

      assertThat(fixture.hub.requests().getLast().path()).isEqualTo("/stolen");
      assertThat(fixture.hub.requests().getLast().headers()).doesNotContainKey("authorization");
    }
  }

  @Test
  void redirectsOnTheHubKeepTheToken() {
    fixture.hub.always(
        request -> request.path().equals("/cache/here"),
        (request, out) ->
            FakeHub.content(out, request, TENSORS, "\"" + fixture.hub.etag(WEIGHTS) + "\""));
    redirect(307, "/cache/here");

    assertThat(fixture.fetch().resolve(WEIGHTS)).hasBinaryContent(TENSORS);

    assertThat(fixture.hub.requests())
        .allMatch(
            request -> request.header("Authorization").equals("Bearer " + FetchFixture.TOKEN));
  }

  @Test
  void redirectsWithoutEndAreGivenUp() {
    redirect(302, "/" + FakeHub.MODEL + "/resolve/" + FakeHub.COMMIT + "/" + WEIGHTS);

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("redirects more than 10 times");
  }

  @Test
  void redirectsToSomethingElseAreRefused() {
    for (String location :
        new String[] {
          "file:///etc/passwd", "ftp://host/a", "http://user:pw@host/", "http://", "::"
        }) {
      try (FetchFixture other = new FetchFixture(folder.resolve("o"))) {
        other.hub.withLarge(WEIGHTS, TENSORS);
        other.hub.always(
            RESOLVE,
            (request, out) ->
                FakeHub.send(out, request, 302, new byte[0], "Location: " + location));
        assertThatThrownBy(other::fetch)
            .isInstanceOf(UserException.class)
            .hasMessageContaining("redirects to");
      }
    }
  }

  @Test
  void withoutTokenTheSentenceSaysHowToGetIn() {
    fixture.environment = fixture.environment.withToken(null);
    refuse(401);

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("acme/tiny does not exist, or it is private or gated (401)")
        .hasMessageContaining("HF_TOKEN");
  }

  @Test
  void aGatedModelNamesThePageWithItsConditions() {
    refuse(403, "X-Error-Code: GatedRepo", "X-Error-Message: " + "Ask for access\t!");

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("acme/tiny is gated: accept its conditions at ")
        .hasMessageContaining("/acme/tiny, then")
        .hasMessageNotContaining(FetchFixture.TOKEN);
  }

  @Test
  void aGatedModelWhoseListingIsOpenIsExplainedToo() {
    fixture.environment = fixture.environment.withToken(null);
    fixture.hub.always(
        RESOLVE,
        (request, out) -> FakeHub.send(out, request, 401, new byte[0], "X-Error-Code: GatedRepo"));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("acme/tiny is gated: accept its conditions at ")
        .hasMessageContaining("log in there, make a token and give it with HF_TOKEN");
  }

  @Test
  void aMirrorThatSendsEverythingElsewhereIsUnderstood() {
    try (FakeHub bytes = new FakeHub()) {
      bytes.always(
          request -> true, (request, out) -> FakeHub.content(out, request, TENSORS, "\"y\""));
      fixture.hub.always(
          RESOLVE,
          (request, out) ->
              FakeHub.send(
                  out,
                  request,
                  308,
                  new byte[0],
                  "ETag: \"of-the-redirect\"",
                  "Location: " + bytes.endpoint() + "/x"));

      fixture.fetch();

      assertThat(fixture.blob(WEIGHTS)).hasBinaryContent(TENSORS);
    }
  }

  @Test
  void aProxyIsAsked() {
    URI endpoint = URI.create("http://hub.invalid");
    HubEnvironment direct = fixture.environment;
    fixture.environment =
        new HubEnvironment(
            endpoint,
            null,
            direct.cache(),
            false,
            true,
            direct.timeout(),
            new HubProxy(
                null,
                java.net.InetSocketAddress.createUnresolved(
                    "127.0.0.1", fixture.hub.endpoint().getPort()),
                java.util.List.of()));
    fixture.hub.always(
        request -> request.path().startsWith("http://hub.invalid/api/"),
        (request, out) ->
            FakeHub.send(
                out,
                request,
                200,
                dev.fettle.checkpoint.Json.compact(fixture.hub.listing()).getBytes()));
    fixture.hub.always(
        request -> request.path().startsWith("http://hub.invalid/acme/tiny/resolve/"),
        (request, out) ->
            FakeHub.content(out, request, TENSORS, "\"" + fixture.hub.etag(WEIGHTS) + "\""));

    assertThat(fixture.fetch().resolve(WEIGHTS)).hasBinaryContent(TENSORS);
  }

  @Test
  void aStopEndsAWaitForTheServer() {
    fixture.hub.always(request -> true, (request, out) -> BadConnectionTest.sleep(20_000));
    long start = System.nanoTime();
    try (Fetch fetch =
        new Fetch(
            fixture.environment,
            FetchRequest.of(ModelName.parse(FakeHub.MODEL)),
            stoppingListener(start),
            "fettle/test")) {
      assertThatThrownBy(fetch::plan).hasMessage("stopped by the test");
    }
    assertThat((System.nanoTime() - start) / 1e9).isLessThan(10);
  }

  private FetchListener stoppingListener(long start) {
    return new FetchFixture.Silent() {
      @Override
      public void check() {
        if (System.nanoTime() - start > 500_000_000L) {
          throw new IllegalStateException("stopped by the test");
        }
      }
    };
  }

  @Test
  void whatIsNotThereIsNamed() {
    refuse(404, "X-Error-Code: RepoNotFound");
    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("has no model acme/tiny; check the spelling");
  }

  @Test
  void aRevisionThatIsNotThereIsNamed() {
    refuse(404, "X-Error-Code: RevisionNotFound");
    assertThatThrownBy(() -> fixture.fetch(FetchRequest.of(ModelName.parse(FakeHub.MODEL + "@v9"))))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("acme/tiny has no revision 'v9'");
  }

  @Test
  void theTokenIsInNoText() {
    assertThat(fixture.environment.toString()).doesNotContain(FetchFixture.TOKEN);
    assertThat(fixture.environment.toString()).contains("token=set");
  }

  @Test
  void anAddressOfTheHubIsEncoded() {
    fixture.hub.with("a b/ä#?%.json", "{}".getBytes());

    Path snapshot =
        fixture.fetch(
            FetchRequest.of(ModelName.parse(FakeHub.MODEL))
                .withPatterns(java.util.List.of("a b/*"), java.util.List.of()));

    assertThat(snapshot.resolve("a b/ä#?%.json")).hasContent("{}");
  }

  @Test
  void encryptedStaysEncrypted() {
    URI endpoint = URI.create("https://127.0.0.1:1");
    fixture.environment = fixture.environment(endpoint, null, FetchFixture.TIMEOUT);

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(java.io.UncheckedIOException.class)
        .hasMessageContaining("cannot connect; check the network, HF_ENDPOINT and HTTPS_PROXY");
  }
}
