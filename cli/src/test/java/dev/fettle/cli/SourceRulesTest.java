package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Rules of CONTRIBUTING.md that can be seen in the text of the sources and documents.
class SourceRulesTest {
  private static final int MAX_LINES = 400;

  /// Longer files, each with its own limit and the reason.
  private static final Map<String, Integer> LONGER =
      Map.of(
          "engine/src/main/java/dev/fettle/engine/Tensor.java", 520); // a line per native operation

  /// What a document sets in code style and means as a file: `cli/`, `tools/golden/make.py`.
  private static final Pattern PATH = Pattern.compile("[\\w.-]+(/[\\w.-]+)*/?");

  private static final Pattern CLASS = Pattern.compile("(dev\\.fettle\\.\\w+\\.)?[A-Z][a-z]\\w*");

  @Test
  void everyFileIsShortAndInAPackage() throws IOException {
    assertThat(Sources.javaFiles()).isNotEmpty();
    for (Path file : Sources.javaFiles()) {
      List<String> lines = Files.readAllLines(file);
      assertThat(lines)
          .as(name(file))
          .hasSizeLessThanOrEqualTo(LONGER.getOrDefault(name(file), MAX_LINES));
      assertThat(lines).as(name(file)).anyMatch(line -> line.startsWith("package dev.fettle."));
      assertThat(lines).as(name(file)).noneMatch(line -> line.stripLeading().startsWith("/**"));
    }
  }

  @Test
  void everyPackageIsNullMarked() throws IOException {
    for (Path file : Sources.javaFiles()) {
      Path info = file.resolveSibling("package-info.java");
      if (file.toString().contains("/src/main/")) {
        assertThat(info).exists();
        assertThat(Files.readString(info)).contains("@NullMarked");
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"})
  void everyFileAndClassThatADocumentNamesExists(String document) throws IOException {
    String text = Files.readString(Sources.ROOT.resolve(document)).replaceAll("(?s)```.*?```", "");
    List<String> classes =
        Sources.javaFiles().stream()
            .map(file -> file.getFileName().toString().replace(".java", ""))
            .toList();
    List<String> named =
        Pattern.compile("`([^`\\n]+)`").matcher(text).results().map(m -> m.group(1)).toList();
    for (String name : named) {
      if (CLASS.matcher(name).matches()) {
        assertThat(classes).as(document).contains(name.substring(name.lastIndexOf('.') + 1));
      } else if (name.contains("/") && PATH.matcher(name).matches() && !name.startsWith("..")) {
        assertThat(Sources.ROOT.resolve(name)).as(document).exists();
      }
    }
    Pattern.compile("\\]\\(([^):#]+)\\)")
        .matcher(text)
        .results()
        .forEach(link -> assertThat(Sources.ROOT.resolve(link.group(1))).as(document).exists());
  }

  private static String name(Path file) {
    return Sources.ROOT.relativize(file).toString();
  }
}
