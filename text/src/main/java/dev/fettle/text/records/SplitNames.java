package dev.fettle.text.records;

import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/// Splits told by the names of files and folders, with the words that the Hugging Face hub knows.
final class SplitNames {
  private static final Pattern TRAIN = word("train|training");
  private static final Pattern OTHER =
      word("validation|valid|val|dev|test|testing|eval|evaluation");

  private SplitNames() {}

  private static Pattern word(String words) {
    return Pattern.compile("(?:^|[^a-z])(?:" + words + ")(?![a-z])");
  }

  /// The files of the training split, if the names tell splits apart; else all.
  static List<Path> train(Path folder, List<Path> files) {
    List<Path> train = files.stream().filter(file -> has(TRAIN, folder, file)).toList();
    List<Path> rest =
        files.stream()
            .filter(file -> !has(TRAIN, folder, file) && !has(OTHER, folder, file))
            .toList();
    boolean told = files.stream().anyMatch(file -> has(OTHER, folder, file));
    if (!told) {
      return files;
    }
    return !train.isEmpty() ? train : !rest.isEmpty() ? rest : files;
  }

  private static boolean has(Pattern pattern, Path folder, Path file) {
    String name = folder.relativize(file).toString().toLowerCase(Locale.ROOT);
    return pattern.matcher(name).find();
  }
}
