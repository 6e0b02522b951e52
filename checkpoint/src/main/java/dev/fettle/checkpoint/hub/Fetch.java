package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/// The files of a model, from a hub to this machine. First [#plan], which only asks, then [#run].
public final class Fetch implements AutoCloseable {
  private final HubEnvironment environment;
  private final FetchRequest request;
  private final FetchListener listener;
  private final Pause pause;
  private final HubClient client;
  private @Nullable Destination destination;

  /// @param agent for the header `User-Agent`, such as `fettle/1.0`
  public Fetch(
      HubEnvironment environment, FetchRequest request, FetchListener listener, String agent) {
    this(environment, request, listener, agent, Pause::interruptible);
  }

  /// @param pause makes the waiting from what throws when the work is to end
  Fetch(
      HubEnvironment environment,
      FetchRequest request,
      FetchListener listener,
      String agent,
      Function<Runnable, Pause> pause) {
    this.environment = environment;
    this.request = request;
    this.listener = FetchListener.synchronizedOn(listener);
    client = new HubClient(environment, agent, listener::check);
    this.pause = pause.apply(client.watchdog()::check);
  }

  /// Asks the hub which files there are and says what [#run] would do.
  ///
  /// @throws UserException if the hub cannot be reached or does not give out the model, if its
  ///   listing is refused, or there is nothing to download in it
  public FetchPlan plan() {
    String source = environment.endpoint() + "/" + request.model().id();
    RepoListing listing =
        new ListingRequest(environment, client, request.model()).get(attempts(), source);
    FileChoice choice = choose(listing);
    Destination to = destination(listing.commit());
    List<FetchPlan.Item> items = new ArrayList<>();
    for (RepoFile file : choice.files()) {
      listener.check();
      items.add(new FetchPlan.Item(file, !request.force() && to.has(file)));
    }
    destination = to;
    return new FetchPlan(listing.commit(), to.folder(), List.copyOf(items), choice.notes());
  }

  /// Downloads what is missing.
  ///
  /// @return the folder with the files
  /// @throws UserException if the disk is too small, a file is not what the hub lists, or it cannot
  ///   be had
  public Path run(FetchPlan plan) {
    Destination to = destination == null ? destination(plan.commit()) : destination;
    List<RepoFile> missing =
        plan.missing().stream().sorted(Comparator.comparing(Fetch::isWeight)).toList();
    checkSpace(to, missing);
    listener.started(missing.size(), plan.missingBytes());
    if (!missing.isEmpty()) {
      FileFetch each =
          new FileFetch(request, plan.commit(), client, to, pause, listener, this::attempts);
      inParallel(each, missing);
    }
    to.finished(!missing.isEmpty());
    return to.folder();
  }

  private Attempts attempts() {
    return new Attempts(pause, listener::note);
  }

  /// Weights come last, so that a model's configuration is here early.
  private static boolean isWeight(RepoFile file) {
    return file.name().endsWith(".safetensors") || file.name().endsWith(".gguf");
  }

  private FileChoice choose(RepoListing listing) {
    try {
      return FileChoice.of(listing, request);
    } catch (UserException e) {
      rememberMissing(listing);
      throw e;
    }
  }

  /// A file that was asked for by name and is not there, as `hf_hub_download` remembers it.
  private void rememberMissing(RepoListing listing) {
    for (String pattern : request.include()) {
      boolean plain = RepoPath.isSafe(pattern) && !pattern.matches(".*[*?\\[\\]].*");
      boolean there = listing.files().stream().anyMatch(file -> file.path().equals(pattern));
      if (plain && !there && request.localDir() == null) {
        HubCache.of(environment, request.model()).writeNoExist(listing.commit(), pattern);
      }
    }
  }

  private Destination destination(String commit) {
    HubCache cache = HubCache.of(environment, request.model());
    return request.localDir() == null
        ? new CacheDestination(
            cache, request.model().revisionOrMain(), commit, environment.symlinks())
        : new FolderDestination(
            request.localDir().toAbsolutePath().normalize(), commit, cache.snapshot(commit));
  }

  private void checkSpace(Destination to, List<RepoFile> missing) {
    long needed = 0;
    for (RepoFile file : missing) {
      @Nullable String etag = file.etag();
      long here = etag == null ? 0 : sizeOf(to.place(file, etag).part());
      needed += Math.max(0, file.knownSize() - here);
    }
    Path place = to.folder();
    while (place.getParent() != null && !Files.exists(place)) {
      place = place.getParent();
    }
    try {
      long free = Files.getFileStore(place).getUsableSpace();
      if (free < needed) {
        throw new UserException(
            "%s needs %.2f GB more and the disk of %s has %.2f GB free; make room, or choose another disk with"
                    .formatted(request.model().id(), needed / 1e9, place, free / 1e9)
                + " HF_HOME or --local-dir.");
      }
    } catch (IOException e) {
      listener.note("the free space of " + place + " cannot be told");
    }
  }

  private static long sizeOf(Path file) {
    try {
      return Files.isRegularFile(file) ? Files.size(file) : 0;
    } catch (IOException e) {
      return 0;
    }
  }

  /// The first failure ends the others; their parts stay.
  private void inParallel(FileFetch each, List<RepoFile> files) {
    int workers = Math.min(request.workers(), files.size());
    try (ExecutorService pool = Executors.newFixedThreadPool(workers)) {
      CompletionService<RepoFile> results = new ExecutorCompletionService<>(pool);
      files.forEach(file -> results.submit(() -> each.fetch(file), file));
      @Nullable RuntimeException first = null;
      for (int i = 0; i < files.size(); i++) {
        try {
          listener.finished(results.take().get());
        } catch (ExecutionException e) {
          client.watchdog().abandon();
          first = first == null ? asRuntime(e) : first;
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          client.watchdog().abandon();
          throw new IllegalStateException("interrupted", e);
        } catch (RuntimeException e) {
          client.watchdog().abandon();
          first = first == null ? e : first;
        }
      }
      if (first != null) {
        throw first;
      }
    }
  }

  private static RuntimeException asRuntime(ExecutionException e) {
    return switch (e.getCause()) {
      case RuntimeException cause -> cause;
      case Error cause -> throw cause;
      case null, default -> new IllegalStateException(e);
    };
  }

  @Override
  public void close() {
    client.close();
  }
}
