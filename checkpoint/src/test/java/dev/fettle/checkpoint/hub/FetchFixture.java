package dev.fettle.checkpoint.hub;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/// A hub, an environment with a cache in a test's folder, and waits that take no time.
final class FetchFixture implements AutoCloseable {
  static final String TOKEN = "hf_secretOfTheTest";
  static final Duration TIMEOUT = Duration.ofSeconds(20);

  final FakeHub hub = new FakeHub();
  final List<String> notes = Collections.synchronizedList(new ArrayList<>());
  final List<Duration> waits = Collections.synchronizedList(new ArrayList<>());
  final Path cache;
  HubEnvironment environment;
  long received;
  long kept;

  FetchFixture(Path folder) {
    cache = folder.resolve("home").resolve("hub");
    environment = environment(hub.endpoint(), null, TIMEOUT);
  }

  HubEnvironment environment(URI endpoint, @Nullable String token, Duration timeout) {
    return new HubEnvironment(endpoint, token, cache, false, true, timeout, HubProxy.none());
  }

  FetchFixture withToken() {
    environment = environment.withToken(TOKEN);
    return this;
  }

  Path fetch() {
    return fetch(FetchRequest.of(ModelName.parse(FakeHub.MODEL)));
  }

  Path fetch(FetchRequest request) {
    try (Fetch fetch = open(request)) {
      return fetch.run(fetch.plan());
    }
  }

  Fetch open(FetchRequest request) {
    return new Fetch(environment, request, listener(), "fettle/test", this::noWait);
  }

  private Pause noWait(Runnable stop) {
    return duration -> {
      stop.run();
      waits.add(duration);
    };
  }

  Path blob(String path) {
    return repository().resolve("blobs").resolve(hub.etag(path));
  }

  Path part(String path) {
    return repository().resolve("blobs").resolve(hub.etag(path) + ".incomplete");
  }

  Path repository() {
    return cache.resolve("models--acme--tiny");
  }

  Path snapshot() {
    return repository().resolve("snapshots").resolve(FakeHub.COMMIT);
  }

  /// Bytes that no two positions share a pattern of.
  static byte[] bytes(int length, int seed) {
    byte[] bytes = new byte[length];
    new Random(seed).nextBytes(bytes);
    return bytes;
  }

  FetchListener listener() {
    return new Silent() {
      @Override
      public void kept(long bytes) {
        kept += bytes;
      }

      @Override
      public void received(long bytes) {
        received += bytes;
      }

      @Override
      public void note(String sentence) {
        notes.add(sentence);
      }
    };
  }

  /// Hears nothing.
  static class Silent implements FetchListener {
    @Override
    public void started(int files, long bytes) {}

    @Override
    public void kept(long bytes) {}

    @Override
    public void received(long bytes) {}

    @Override
    public void finished(RepoFile file) {}

    @Override
    public void note(String sentence) {}

    @Override
    public void check() {}
  }

  @Override
  public void close() {
    hub.close();
  }
}
