package dev.fettle.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Replays the corpus of every target, where Jazzer keeps it: sound files, classical attacks and
/// every file that once broke a parser.
class CorpusTest {
  private static final Path CORPUS = Path.of("src/test/resources/dev/fettle/fuzz");

  static Stream<Arguments> files() throws IOException {
    List<Arguments> files = new ArrayList<>();
    for (Target target : Target.values()) {
      for (Path file : files(target)) {
        files.add(Arguments.of(target, file.getFileName().toString()));
      }
    }
    return files.stream();
  }

  private static List<Path> files(Target target) throws IOException {
    try (Stream<Path> paths = Files.list(folder(target))) {
      return paths.sorted().toList();
    }
  }

  /// Jazzer's name for the inputs of a method.
  private static Path folder(Target target) {
    return CORPUS.resolve(target.className() + "Inputs").resolve("fuzz");
  }

  @ParameterizedTest
  @MethodSource("files")
  void aTargetKeepsItsPromise(Target target, String file) throws IOException {
    target.check(Files.readAllBytes(folder(target).resolve(file)));
  }

  /// A target that nothing gets through tests only the first line of a parser.
  @ParameterizedTest
  @EnumSource
  void aSoundFileIsRead(Target target) throws IOException {
    List<String> read = new ArrayList<>();
    for (Path file : files(target)) {
      if (read.isEmpty() && target.reads(Files.readAllBytes(file))) {
        read.add(file.getFileName().toString());
      }
    }
    assertThat(read).isNotEmpty();
  }

  @Test
  void everyTargetHasItsFuzzTest() throws IOException {
    try (Stream<Path> sources = Files.list(Path.of("src/test/java/dev/fettle/fuzz"))) {
      assertThat(
              sources
                  .map(path -> path.getFileName().toString())
                  .filter(name -> name.endsWith("FuzzTest.java"))
                  .map(name -> name.substring(0, name.length() - ".java".length())))
          .containsExactlyInAnyOrderElementsOf(
              Stream.of(Target.values()).map(Target::className).collect(Collectors.toList()));
    }
  }
}
