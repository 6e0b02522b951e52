package dev.fettle.checkpoint.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Servers that drop connections, lie about lengths, ignore ranges or fail for a while: in the end
/// the file is right, or it is not there.
class BadConnectionTest {
  private static final String WEIGHTS = "model.safetensors";
  private static final byte[] TENSORS = FetchFixture.bytes(300_000, 2);
  private static final int HALF = TENSORS.length / 2;
  private static final Predicate<FakeHub.Request> GET = request -> request.isGetOf(WEIGHTS);

  @TempDir Path folder;
  private FetchFixture fixture;

  @BeforeEach
  void start() {
    fixture = new FetchFixture(folder);
    fixture.hub.withLarge(WEIGHTS, TENSORS);
  }

  @AfterEach
  void stop() {
    fixture.close();
  }

  private void isRight(Path snapshot) {
    assertThat(snapshot.resolve(WEIGHTS)).hasBinaryContent(TENSORS);
    assertThat(fixture.part(WEIGHTS)).doesNotExist();
  }

  private void isNotThere() {
    assertThat(fixture.snapshot().resolve(WEIGHTS)).doesNotExist();
    assertThat(fixture.blob(WEIGHTS)).doesNotExist();
    assertThat(fixture.repository().resolve("refs/main")).doesNotExist();
  }

  private String quoted() {
    return "ETag: \"" + fixture.hub.etag(WEIGHTS) + "\"";
  }

  private void sendFirstHalf(FakeHub.Request request, OutputStream out) throws IOException {
    FakeHub.head(out, 200, TENSORS.length, quoted());
    out.write(TENSORS, 0, HALF);
    out.flush();
    sleep(300); // what the client has not read when the connection ends may be lost
  }

  @Test
  void aDroppedConnectionIsResumedWhereItEnded() {
    fixture.hub.once(GET, this::sendFirstHalf);

    isRight(fixture.fetch());

    List<FakeHub.Request> gets = fixture.hub.gets(WEIGHTS);
    assertThat(gets).hasSize(2);
    String range = gets.getLast().header("Range");
    assertThat(range).matches("bytes=[1-9][0-9]*-");
    assertThat(Integer.parseInt(range.replaceAll("[^0-9]", ""))).isLessThanOrEqualTo(HALF);
    assertThat(gets.getLast().header("If-Range"))
        .isEqualTo("\"" + fixture.hub.etag(WEIGHTS) + "\"");
    assertThat(fixture.received).isEqualTo(TENSORS.length);
  }

  @Test
  void theNextRunGoesOnWithThePartOfTheLast() throws IOException {
    Files.createDirectories(fixture.part(WEIGHTS).getParent());
    Files.write(fixture.part(WEIGHTS), Arrays.copyOf(TENSORS, HALF));

    isRight(fixture.fetch());

    assertThat(fixture.hub.gets(WEIGHTS).getFirst().header("Range"))
        .isEqualTo("bytes=" + HALF + "-");
    assertThat(fixture.kept).isEqualTo(HALF);
    assertThat(fixture.received).isEqualTo(TENSORS.length - HALF);
  }

  @Test
  void aWholePartIsOnlyVerified() throws IOException {
    Files.createDirectories(fixture.part(WEIGHTS).getParent());
    Files.write(fixture.part(WEIGHTS), TENSORS);

    isRight(fixture.fetch());

    assertThat(fixture.hub.gets(WEIGHTS)).isEmpty();
  }

  @Test
  void aPartOfSomethingElseIsThrownAway() throws IOException {
    Files.createDirectories(fixture.part(WEIGHTS).getParent());
    Files.write(fixture.part(WEIGHTS), new byte[HALF]);

    isRight(fixture.fetch());
  }

  @Test
  void aPartThatIsTooLongIsThrownAway() throws IOException {
    Files.createDirectories(fixture.part(WEIGHTS).getParent());
    Files.write(fixture.part(WEIGHTS), new byte[TENSORS.length + 5]);

    isRight(fixture.fetch());
  }

  @Test
  void aServerThatIgnoresRangesSendsItAll() {
    fixture.hub.once(GET, this::sendFirstHalf);
    fixture.hub.always(GET, (request, out) -> FakeHub.send(out, request, 200, TENSORS, quoted()));

    isRight(fixture.fetch());
  }

  @Test
  void aServerThatSendsAnotherRangeIsNotBelieved() {
    fixture.hub.once(GET, this::sendFirstHalf);
    fixture.hub.once(
        GET,
        (request, out) ->
            FakeHub.send(
                out,
                request,
                206,
                Arrays.copyOfRange(TENSORS, HALF + 1, TENSORS.length),
                quoted(),
                "Content-Range: bytes %d-%d/%d"
                    .formatted(HALF + 1, TENSORS.length - 1, TENSORS.length)));

    isRight(fixture.fetch());
  }

  @Test
  void aRangeThatIsRefusedStartsOver() throws IOException {
    Files.createDirectories(fixture.part(WEIGHTS).getParent());
    Files.write(fixture.part(WEIGHTS), Arrays.copyOf(TENSORS, HALF));
    fixture.hub.once(GET, (request, out) -> FakeHub.send(out, request, 416, new byte[0]));

    isRight(fixture.fetch());
  }

  @Test
  void failuresOfTheServerAreWaitedFor() {
    fixture.hub.once(GET, (request, out) -> FakeHub.send(out, request, 500, new byte[0]));
    fixture.hub.once(GET, (request, out) -> FakeHub.send(out, request, 502, new byte[0]));
    fixture.hub.once(
        request -> request.method().equals("HEAD"),
        (request, out) -> FakeHub.send(out, request, 429, new byte[0], "Retry-After: 7"));

    isRight(fixture.fetch());

    assertThat(fixture.waits)
        .containsExactly(Duration.ofSeconds(7), Duration.ofSeconds(1), Duration.ofSeconds(2));
    assertThat(fixture.notes).hasSize(3).allMatch(note -> note.contains("trying again in"));
  }

  @Test
  void aServerThatStaysBrokenIsGivenUp() {
    fixture.hub.always(GET, (request, out) -> FakeHub.send(out, request, 503, new byte[0]));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("model.safetensors: the server answers 503, 5 times in a row");
    isNotThere();
  }

  @Test
  @Timeout(60)
  void aServerThatAlwaysSendsTheFirstHalfIsGivenUp() {
    fixture.hub.always(GET, this::sendFirstHalf); // and ignores ranges

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("model.safetensors: ")
        .hasMessageContaining(Attempts.MOST + " times in a row");
    isNotThere();
  }

  @Test
  @Timeout(60)
  void aServerThatHoldsOnlyTheFirstHalfIsGivenUp() {
    fixture.hub.always(
        GET,
        (request, out) -> {
          if (request.header("Range").isEmpty()) {
            sendFirstHalf(request, out);
          } else {
            FakeHub.send(out, request, 416, new byte[0]);
          }
        });

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining(Attempts.MOST + " times in a row");
    isNotThere();
  }

  @Test
  void onlyWhatWasNeverReachedIsProgress() {
    Attempts attempts = new Attempts(_ -> {}, _ -> {});
    for (int i = 1; i < 2 * Attempts.MOST; i++) {
      attempts.reached(10 * i, 10);
      attempts.failed("x", new IOException("dropped"));
    }
    assertThatThrownBy(
            () -> {
              for (int i = 0; i < Attempts.MOST; i++) {
                attempts.reached(10, 10);
                attempts.failed("x", new IOException("dropped"));
              }
            })
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("dropped, 5 times in a row");
  }

  @Test
  @Timeout(60)
  void theWaitForAnotherProcessEndsWhenAnotherFileFails() {
    fixture.hub.with("config.json", "{}".getBytes());
    fixture.hub.always(
        request -> request.isGetOf("config.json"),
        (request, out) -> FakeHub.send(out, request, 200, "[]".getBytes()));
    Path file =
        fixture.cache.resolve(".locks/models--acme--tiny/" + fixture.hub.etag(WEIGHTS) + ".lock");

    try (HubLock _ = HubLock.acquire(file, WEIGHTS, _ -> {}, _ -> {})) {
      assertThatThrownBy(fixture::fetch)
          .isInstanceOf(UserException.class)
          .hasMessageContaining("config.json is not what the hub lists");
    }
  }

  @Test
  void aWaitOfAnHourIsNotWaitedFor() {
    fixture.hub.always(
        GET, (request, out) -> FakeHub.send(out, request, 429, new byte[0], "Retry-After: 3600"));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("asks to wait 60 minutes");
    assertThat(fixture.waits).isEmpty();
  }

  @Test
  void aLengthThatIsTooLargeOnceDoesNoHarm() {
    fixture.hub.once(
        GET,
        (request, out) -> {
          FakeHub.head(out, 200, TENSORS.length + 100, quoted());
          out.write(TENSORS);
        });

    isRight(fixture.fetch());
  }

  @Test
  void aServerThatAlwaysLiesAboutTheLengthIsGivenUp() {
    for (int length : List.of(TENSORS.length + 100, HALF)) {
      fixture.hub.always(
          GET,
          (request, out) -> {
            FakeHub.head(out, 200, length, quoted());
            out.write(TENSORS, 0, Math.min(length, TENSORS.length));
          });

      assertThatThrownBy(fixture::fetch)
          .isInstanceOf(UncheckedIOException.class)
          .hasMessageContaining("the hub lists 300000 bytes and the server announces");
      isNotThere();
    }
  }

  @Test
  void moreBytesThanListedAreNotWritten() {
    fixture.hub.always(
        GET,
        (request, out) -> {
          out.write(
              ("HTTP/1.1 200 OK\r\nConnection: close\r\n" + quoted() + "\r\n\r\n").getBytes());
          for (int i = 0; i < 50; i++) {
            out.write(TENSORS); // no length: until the connection ends
          }
        });

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UncheckedIOException.class)
        .hasMessageContaining("the server sends more than the 300000 bytes listed");
    isNotThere();
  }

  @Test
  void wrongContentIsRemoved() {
    byte[] other = TENSORS.clone();
    other[HALF] ^= 1;
    fixture.hub.always(GET, (request, out) -> FakeHub.send(out, request, 200, other, quoted()));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("model.safetensors is not what the hub lists: its sha256 is")
        .hasMessageContaining(fixture.hub.etag(WEIGHTS));
    isNotThere();
    assertThat(fixture.part(WEIGHTS)).doesNotExist();
  }

  @Test
  void wrongContentOfASmallFileIsRemovedToo() {
    byte[] config = "{}".getBytes();
    fixture.hub.with("config.json", config);
    fixture.hub.always(
        request -> request.isGetOf("config.json"),
        (request, out) -> FakeHub.send(out, request, 200, "[]".getBytes()));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("config.json is not what the hub lists: its git sha1 is");
    assertThat(fixture.snapshot().resolve("config.json")).doesNotExist();
  }

  @Test
  void aFileThatChangesMeanwhileIsNotMixed() {
    byte[] newer = FetchFixture.bytes(TENSORS.length, 3);
    fixture.hub.once(GET, this::sendFirstHalf);
    fixture.hub.always(
        GET, (request, out) -> FakeHub.content(out, request, newer, "\"" + "c".repeat(64) + "\""));

    assertThatThrownBy(fixture::fetch)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("was changed on the server while it was downloaded");
    isNotThere();
  }

  @Test
  void aServerThatGoesSilentIsLeftAfterTheTimeout() {
    fixture.environment = fixture.environment(fixture.hub.endpoint(), null, Duration.ofMillis(400));
    fixture.hub.once(
        GET,
        (request, out) -> {
          sendFirstHalf(request, out);
          out.flush();
          sleep(3_000);
        });

    isRight(fixture.fetch());

    assertThat(fixture.hub.gets(WEIGHTS)).hasSize(2);
  }

  static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
