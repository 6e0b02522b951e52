package dev.fettle.checkpoint.hub;

import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Which files of a repository are downloaded. Without patterns: the weights once, as safetensors
/// or else as one GGUF file, and the configuration, tokenizer and chat template beside them. Files
/// that can hold Python objects (pickle) never: loading them would run what is in them.
///
/// @param files never empty
/// @param notes sentences on what was left out
record FileChoice(List<RepoFile> files, List<String> notes) {
  private static final Set<String> PICKLE_ENDINGS =
      Set.of(
          "bin",
          "pt",
          "pth",
          "ckpt",
          "pkl",
          "pickle",
          "joblib",
          "dill",
          "npy",
          "npz",
          "nemo",
          "h5",
          "keras",
          "mar",
          "pdparams",
          "pdopt",
          "sav",
          "th",
          "t7");

  /// What is read as data and nothing else, whatever stands before it:
  /// `pytorch_model.bin.index.json`, `README.th.md`.
  private static final Set<String> PLAIN_ENDINGS =
      Set.of("json", "jsonl", "csv", "tsv", "parquet", "md", "txt", "safetensors", "gguf");

  private static final Pattern SHARD = Pattern.compile("model-\\d{5}-of-\\d{5}\\.safetensors");
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String ADAPTER = "adapter_model.safetensors";

  private static final Pattern COMPANION =
      Pattern.compile(
          "[^/]*\\.jinja|(?:additional_)?chat_templates/[^/]*\\.jinja|[^/]*\\.model|[^/]*\\.tiktoken"
              + "|merges\\.txt|vocab\\.txt|LICENSE[^/]*|NOTICE[^/]*",
          Pattern.CASE_INSENSITIVE);

  /// `name-00001-of-00003.gguf`.
  private static final Pattern GGUF_SHARD = Pattern.compile("-\\d{5}-of-\\d{5}(?=\\.gguf$)");

  /// What llama.cpp takes where nothing is named.
  private static final String USUAL_GGUF = "Q4_K_M";

  /// @throws UserException if nothing is left, or there is a choice that only the user can make
  static FileChoice of(RepoListing listing, FetchRequest request) {
    String name = request.model().id();
    if (!request.include().isEmpty() || request.model().file() == null) {
      return request.include().isEmpty()
          ? without(usual(listing.files(), name), request.exclude(), name)
          : byPatterns(listing.files(), request.include(), request.exclude(), name);
    }
    List<RepoFile> found = new ArrayList<>(named(listing.files(), request.model().file(), name));
    found.addAll(companions(listing.files()));
    return without(new FileChoice(found, List.of()), request.exclude(), name);
  }

  /// By any of its endings: `model.pth.tar` and `data.pkl.gz` too.
  static boolean isPickle(RepoFile file) {
    List<String> parts = List.of(file.name().toLowerCase(Locale.ROOT).split("\\.", -1));
    List<String> endings = parts.subList(1, parts.size());
    return !endings.isEmpty()
        && !PLAIN_ENDINGS.contains(endings.getLast())
        && endings.stream().anyMatch(PICKLE_ENDINGS::contains);
  }

  private static FileChoice byPatterns(
      List<RepoFile> files, List<String> include, List<String> exclude, String name) {
    List<RepoFile> matching =
        files.stream().filter(file -> Glob.matchesAny(include, file.path())).toList();
    if (matching.isEmpty()) {
      throw new UserException(
          "No file of %s matches %s; it has %s."
              .formatted(name, String.join(", ", include), names(files)));
    }
    return without(new FileChoice(matching, List.of()), exclude, name);
  }

  private static FileChoice without(FileChoice choice, List<String> exclude, String name) {
    List<RepoFile> left =
        choice.files.stream().filter(file -> !Glob.matchesAny(exclude, file.path())).toList();
    if (left.isEmpty()) {
      throw new UserException(
          "--exclude %s leaves nothing of %s.".formatted(String.join(", ", exclude), name));
    }
    List<RepoFile> pickles = left.stream().filter(FileChoice::isPickle).toList();
    if (pickles.isEmpty()) {
      return new FileChoice(left, choice.notes);
    }
    List<RepoFile> sound = left.stream().filter(file -> !isPickle(file)).toList();
    if (sound.isEmpty()) {
      throw new UserException(
          "%s of %s can hold Python code that runs when it is loaded, and is not downloaded; %s"
              .formatted(names(pickles), name, wayOut()));
    }
    List<String> notes = new ArrayList<>(choice.notes);
    notes.add("not downloaded, because they can hold Python code: " + names(pickles));
    return new FileChoice(sound, List.copyOf(notes));
  }

  private static FileChoice usual(List<RepoFile> files, String name) {
    List<String> notes = new ArrayList<>();
    List<RepoFile> chosen = new ArrayList<>(safetensors(files));
    boolean fromIndex = chosen.stream().anyMatch(file -> file.path().equals(INDEX));
    if (chosen.isEmpty()) {
      chosen.addAll(gguf(files, name, notes));
    }
    List<RepoFile> pickles = files.stream().filter(FileChoice::isPickle).toList();
    if (chosen.isEmpty() && !pickles.isEmpty()) {
      throw new UserException(
          "%s has its weights only as %s, which can hold Python code that runs when they are loaded; they are"
                  .formatted(name, names(pickles))
              + " not downloaded: "
              + wayOut());
    }
    if (chosen.isEmpty()) {
      notes.add(name + " has no weights, only the other files are fetched");
    }
    for (RepoFile file : companions(files)) {
      if (fromIndex || !file.path().equals(INDEX)) {
        addOnce(chosen, file);
      }
    }
    if (chosen.isEmpty()) {
      throw new UserException(
          "%s has no file that belongs to a language model; choose with --include among %s."
              .formatted(name, names(files)));
    }
    return new FileChoice(chosen, List.copyOf(notes));
  }

  private static void addOnce(List<RepoFile> chosen, RepoFile file) {
    if (!chosen.contains(file)) {
      chosen.add(file);
    }
  }

  private static String wayOut() {
    return "look for the model in safetensors under another name or revision (the hub's conversion makes"
        + " one as --revision refs/pr/N), or convert it where it is trusted.";
  }

  private static List<RepoFile> companions(List<RepoFile> files) {
    return files.stream()
        .filter(file -> COMPANION.matcher(file.path()).matches() || isJson(file))
        .toList();
  }

  private static boolean isJson(RepoFile file) {
    String name = file.name();
    return file.isTopLevel()
        && name.endsWith(".json")
        && (!name.endsWith(".index.json") || name.equals(INDEX));
  }

  private static List<RepoFile> safetensors(List<RepoFile> files) {
    List<RepoFile> top =
        select(files, file -> file.isTopLevel() && file.name().endsWith(".safetensors"));
    List<RepoFile> chosen = new ArrayList<>(select(top, file -> file.name().equals(SINGLE)));
    if (chosen.isEmpty()) {
      chosen.addAll(select(top, file -> SHARD.matcher(file.name()).matches()));
      if (chosen.isEmpty()) {
        chosen.addAll(
            select(
                top,
                file -> !file.name().startsWith("consolidated") && !file.name().equals(ADAPTER)));
      }
      if (!chosen.isEmpty()) {
        chosen.addAll(select(files, file -> file.path().equals(INDEX)));
      }
    }
    chosen.addAll(select(top, file -> file.name().equals(ADAPTER)));
    return chosen;
  }

  private static List<RepoFile> gguf(List<RepoFile> files, String name, List<String> notes) {
    Map<String, List<RepoFile>> models = ggufModels(files);
    if (models.size() <= 1) {
      return models.values().stream().flatMap(List::stream).toList();
    }
    Map<String, List<RepoFile>> usual = new TreeMap<>();
    models.forEach((model, parts) -> {
      if (hasTag(model, USUAL_GGUF)) {
        usual.put(model, parts);
      }
    });
    if (usual.size() != 1) {
      throw new UserException(
          "%s has several GGUF models; choose one with 'fettle fetch %s:NAME', where NAME is one of %s."
              .formatted(name, name, some(List.copyOf(models.keySet()))));
    }
    notes.add(
        "took %s of %d GGUF models; another one is chosen with %s:NAME, such as %s"
            .formatted(
                usual.keySet().iterator().next(),
                models.size(),
                name,
                some(List.copyOf(models.keySet()))));
    return usual.values().iterator().next();
  }

  /// The files of one GGUF model, by its name without the numbers of shards.
  private static Map<String, List<RepoFile>> ggufModels(List<RepoFile> files) {
    Map<String, List<RepoFile>> models = new TreeMap<>();
    for (RepoFile file : files) {
      String name = file.name().toLowerCase(Locale.ROOT);
      if (name.endsWith(".gguf") && !name.contains("mmproj") && !name.contains("imatrix")) {
        String model = GGUF_SHARD.matcher(file.path()).replaceFirst("");
        models.computeIfAbsent(model, m -> new ArrayList<>()).add(file);
      }
    }
    return models;
  }

  /// Whether a word of the name is the tag: `Q4_K_M` in `model-Q4_K_M.gguf`, not in `UD-Q4_K_M_L`.
  private static boolean hasTag(String path, String tag) {
    String quoted = Pattern.quote(tag);
    return Pattern.compile("(^|[-./])" + quoted + "([-./]|$)", Pattern.CASE_INSENSITIVE)
        .matcher(path)
        .find();
  }

  /// Whether what stands behind a colon means this GGUF file.
  static boolean isModel(String path, String wanted) {
    String model = GGUF_SHARD.matcher(path).replaceFirst("");
    return model.equals(wanted) || hasTag(model, wanted);
  }

  /// What stands behind the colon: a path, or a tag of a GGUF model.
  private static List<RepoFile> named(List<RepoFile> files, @Nullable String text, String name) {
    String wanted = text == null ? "" : text;
    List<RepoFile> exact = select(files, file -> file.path().equals(wanted));
    if (!exact.isEmpty()) {
      return exact.getFirst().path().endsWith(".gguf") ? shardsOf(files, exact.getFirst()) : exact;
    }
    Map<String, List<RepoFile>> models = ggufModels(files);
    List<String> tagged = models.keySet().stream().filter(model -> isModel(model, wanted)).toList();
    if (tagged.size() == 1) {
      return models.getOrDefault(tagged.getFirst(), List.of());
    }
    throw new UserException(
        tagged.isEmpty()
            ? "%s has no file '%s'; it has %s."
                .formatted(
                    name,
                    wanted,
                    models.isEmpty() ? names(files) : some(List.copyOf(models.keySet())))
            : "'%s' of %s can mean %s; give the name of the file."
                .formatted(wanted, name, some(tagged)));
  }

  private static List<RepoFile> shardsOf(List<RepoFile> files, RepoFile one) {
    String model = GGUF_SHARD.matcher(one.path()).replaceFirst("");
    return ggufModels(files).getOrDefault(model, List.of(one));
  }

  private static List<RepoFile> select(List<RepoFile> files, Predicate<RepoFile> wanted) {
    return files.stream().filter(wanted).toList();
  }

  private static String names(List<RepoFile> files) {
    return some(files.stream().map(RepoFile::path).toList());
  }

  private static String some(List<String> names) {
    int shown = Math.min(12, names.size());
    String text = String.join(", ", names.subList(0, shown));
    return names.size() > shown ? text + " and %d more".formatted(names.size() - shown) : text;
  }
}
