package dev.fettle.cli;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.hub.Fetch;
import dev.fettle.checkpoint.hub.FetchPlan;
import dev.fettle.checkpoint.hub.FetchRequest;
import dev.fettle.checkpoint.hub.HubCache;
import dev.fettle.checkpoint.hub.HubEnvironment;
import dev.fettle.checkpoint.hub.ModelName;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// `fettle fetch`: a model from a hub into the cache that Python reads too.
@Command(
    name = "fetch",
    header = "Download a model from a Hugging Face hub, as 'hf download' does.",
    description = {
      "The files go to the cache of huggingface_hub, which Python then uses and which every --model"
          + " option of Fettle reads: --model org/model. A download that was interrupted goes on where"
          + " it stopped; sizes and hashes are checked. Without patterns the weights are fetched once, as"
          + " safetensors or else as one GGUF file, with configuration, tokenizer and chat template; files"
          + " that can hold Python code (pickle) never are.",
      "HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, HF_HUB_OFFLINE and HTTPS_PROXY mean what they mean"
          + " in Python."
    },
    footer = {
      "  fettle fetch google/gemma-2b",
      "  fettle fetch TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF:Q4_K_M"
    })
final class FetchVerb extends Verb {
  @Parameters(
      index = "0",
      paramLabel = "ORG/MODEL",
      description = "org/model, org/model@revision, or org/model:file.gguf (or a tag, as :Q4_K_M).")
  String model = "";

  @Parameters(
      index = "1..*",
      paramLabel = "FILE",
      description = "Only these files, or folders with a slash at the end.")
  List<String> files = List.of();

  @Option(
      names = "--revision",
      paramLabel = "REVISION",
      description = "Branch, tag or commit (default: main).")
  @Nullable String revision;

  @Option(
      names = "--include",
      arity = "1..*",
      paramLabel = "PATTERN",
      description = "Only files that match, such as '*.Q4_K_M.gguf'; may be repeated.")
  List<String> include = List.of();

  @Option(
      names = "--exclude",
      arity = "1..*",
      paramLabel = "PATTERN",
      description = "No files that match; may be repeated.")
  List<String> exclude = List.of();

  @Option(
      names = "--cache-dir",
      paramLabel = "FOLDER",
      description = "Cache to use instead of the one the environment names.")
  @Nullable Path cacheDir;

  @Option(
      names = "--local-dir",
      paramLabel = "FOLDER",
      description = "Put plain files into this folder instead of the cache.")
  @Nullable Path localDir;

  @Option(
      names = "--max-workers",
      paramLabel = "N",
      description = "Files downloaded at once (default: ${DEFAULT-VALUE}).")
  int maxWorkers = FetchRequest.DEFAULT_WORKERS;

  @Option(
      names = "--token",
      paramLabel = "TOKEN",
      description = "Access token; better in HF_TOKEN, where others cannot read it.")
  @Nullable String token;

  @Option(names = "--force-download", description = "Download again what is here already.")
  boolean force;

  @Option(names = "--dry-run", description = "List the files and their sizes, download nothing.")
  boolean dryRun;

  FetchVerb(Console console) {
    super(console);
  }

  @Override
  Answer run(Console console) {
    FetchRequest request = request();
    HubEnvironment environment = environment(console);
    if (environment.offline()) {
      Path folder =
          cached(environment, request)
              .orElseThrow(() ->
                  new UserException(
                      "%s is not in the cache %s, and HF_HUB_OFFLINE forbids to ask the hub; unset it."
                          .formatted(request.model(), environment.cache())));
      return answer(console, request, folder, "HF_HUB_OFFLINE is set: this is what the cache has");
    }
    try (FetchProgress progress = new FetchProgress(console);
        Fetch fetch = new Fetch(environment, request, progress, "fettle/" + Version.number())) {
      FetchPlan plan;
      try {
        plan = fetch.plan();
      } catch (UncheckedIOException e) {
        Optional<Path> folder = force || dryRun ? Optional.empty() : cached(environment, request);
        IOException cause = e.getCause();
        String reason = cause == null ? null : cause.getMessage();
        String note = Objects.requireNonNullElse(reason, "no connection");
        return answer(
            console, request, folder.orElseThrow(() -> e), note + "\nThis is what the cache has:");
      }
      plan.notes().forEach(progress::note);
      if (dryRun) {
        FetchAnswer.printPlan(plan, console.out());
        return Answer.of(FetchAnswer.json(request.model(), plan).put("dry_run", true));
      }
      Path folder = fetch.run(plan);
      progress.close();
      FetchAnswer.print(plan, folder, console.out());
      return Answer.of(FetchAnswer.json(request.model(), plan).put("dry_run", false));
    }
  }

  private FetchRequest request() {
    ModelName name = ModelName.parse(model);
    if (revision != null) {
      if (name.revision() != null && !name.revision().equals(revision)) {
        throw usage("--revision " + revision + " contradicts '" + model + "'");
      }
      name = name.at(revision);
    }
    if (cacheDir != null && localDir != null) {
      throw usage("--cache-dir and --local-dir exclude each other");
    }
    if (maxWorkers < 1 || maxWorkers > 64) {
      throw usage("--max-workers is 1 to 64, not " + maxWorkers);
    }
    List<String> patterns = new ArrayList<>(include);
    if (!files.isEmpty() && !include.isEmpty()) {
      throw usage("name files or give --include, not both");
    }
    files.forEach(file -> patterns.add(FetchRequest.patternOf(file)));
    if (name.file() != null && !patterns.isEmpty()) {
      throw usage("'" + model + "' names a file already; leave out --include and further files");
    }
    return FetchRequest.of(name)
        .withPatterns(patterns, exclude)
        .into(localDir)
        .withWorkers(maxWorkers)
        .withForce(force);
  }

  private HubEnvironment environment(Console console) {
    HubEnvironment environment = console.hub().get();
    if (token != null) {
      environment = environment.withToken(token);
    }
    return cacheDir == null
        ? environment
        : environment.withCache(cacheDir.toAbsolutePath().normalize());
  }

  /// What an earlier fetch left in the cache; it may be for other patterns.
  private static Optional<Path> cached(HubEnvironment environment, FetchRequest request) {
    return request.localDir() == null
        ? HubCache.find(environment, request.model())
        : Optional.empty();
  }

  private static Answer answer(Console console, FetchRequest request, Path folder, String note) {
    console.err().println(note);
    console.out().println(folder);
    return Answer.of(
        Json.object()
            .put("model", request.model().toString())
            .put("folder", folder.toString())
            .put("offline", true));
  }
}
