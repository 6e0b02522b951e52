package dev.fettle.demo;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.checkpoint.AtomicFolder;
import dev.fettle.checkpoint.Json;
import dev.fettle.demo.world.Question;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The demo's output folder. Everything in it can be used with the other verbs afterwards.
///
/// @param root the folder
record Workspace(Path root) {
  private static final String MARK = ".fettle-demo";

  private static final List<String> FOLDERS =
      List.of("model", "int8", "nf4", "lora", "qlora", "merged");

  /// Makes the folder, or clears one that an earlier demo made.
  ///
  /// @throws UserException if the folder holds anything else, or cannot be written
  static Workspace prepare(Path root) {
    Path mark = root.resolve(MARK);
    try {
      if (Files.isDirectory(root) && !Files.exists(mark) && !isEmpty(root)) {
        throw new UserException(
            "Output folder "
                + root
                + " holds files that no demo wrote; name another folder with --output.");
      }
      Files.createDirectories(root);
      AtomicFiles.writeString(mark, "made by fettle demo, which may replace it\n");
      for (String folder : FOLDERS) {
        AtomicFolder.delete(root.resolve(folder));
      }
      return new Workspace(root);
    } catch (IOException e) {
      throw new UserException("Cannot use output folder " + root + ": " + e.getMessage() + ".", e);
    }
  }

  Path model() {
    return root.resolve("model");
  }

  Path folder(String name) {
    if (!FOLDERS.contains(name)) {
      throw new IllegalArgumentException(name);
    }
    return root.resolve(name);
  }

  Path report() {
    return root.resolve("report.html");
  }

  /// Writes questions as JSON lines with `prompt` and `completion`.
  Path writeQuestions(String name, List<Question> questions) {
    Path file = root.resolve(name);
    AtomicFiles.writeString(
        file,
        questions.stream()
            .map(q ->
                Json.compact(
                    Json.object().put("prompt", q.prompt()).put("completion", q.completion())))
            .collect(Collectors.joining("\n", "", "\n")));
    return file;
  }

  Path writeText(String name, String text) {
    Path file = root.resolve(name);
    AtomicFiles.writeString(file, text);
    return file;
  }

  private static boolean isEmpty(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.findAny().isEmpty();
    }
  }
}
