package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The launcher script in a checkout of its own, with a stand-in for Maven that "builds" the
/// classes this test runs on.
class LauncherTest {
  @TempDir Path folder = Path.of("");
  private Path checkout = Path.of("");
  private Path bin = Path.of("");

  @BeforeEach
  void makeCheckout() throws IOException {
    assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "the launcher needs bash");
    checkout = Files.createDirectories(folder.resolve("check out"));
    bin = Files.createDirectories(folder.resolve("bin"));
    Files.copy(Sources.ROOT.resolve("fettle"), checkout.resolve("fettle"));
    assertThat(checkout.resolve("fettle").toFile().setExecutable(true)).isTrue();
    Files.createDirectories(checkout.resolve("cli/target"));
    Files.createDirectories(checkout.resolve("cli/src/main"));
    Files.writeString(checkout.resolve("pom.xml"), "");
    Files.writeString(checkout.resolve("cli/pom.xml"), "");
    try (JarOutputStream jar =
        new JarOutputStream(
            Files.newOutputStream(checkout.resolve("cli/target/fettle-cli-0.jar")))) {
      jar.setComment("stands for the jar that Maven makes");
      jar.putNextEntry(new JarEntry("empty"));
    }
  }

  @Test
  void itBuildsOnceAndThenStartsTheProgram() throws Exception {
    maven("true");
    Run first = run(checkout.resolve("fettle"), "--version");
    assertThat(first.output())
        .contains("fettle: building (first use")
        .contains("fettle development");
    assertThat(first.output()).doesNotContain("WARNING");
    assertThat(first.exitCode()).isZero();
    Run second = run(checkout.resolve("fettle"), "--version");
    assertThat(second.output()).startsWith("fettle development");
    assertThat(builds()).isEqualTo(1);
  }

  @Test
  void aChangedSourceIsBuiltAgain() throws Exception {
    maven("true");
    run(checkout.resolve("fettle"), "--version");
    Files.writeString(checkout.resolve("cli/src/main/New.java"), "");
    Run run = run(checkout.resolve("fettle"), "--version");
    assertThat(run.output()).contains("fettle: building (the sources changed)");
    assertThat(builds()).isEqualTo(2);
  }

  @Test
  void itWorksThroughASymbolicLinkFromAnotherFolder() throws Exception {
    maven("true");
    Path link = Files.createSymbolicLink(bin.resolve("ft"), checkout.resolve("fettle"));
    assertThat(run(link, "--version").exitCode()).isZero();
  }

  @Test
  void twoFirstUsesAtOnceBuildOnce() throws Exception {
    maven("sleep 1");
    Process one = start(checkout.resolve("fettle"), "--version");
    Process two = start(checkout.resolve("fettle"), "--version");
    assertThat(Run.of(one).exitCode()).isZero();
    assertThat(Run.of(two).exitCode()).isZero();
    assertThat(builds()).isEqualTo(1);
    assertThat(checkout.resolve(".fettle/lock")).doesNotExist();
  }

  @Test
  void aFailedBuildShowsItsErrorsAndWhereTheRestIs() throws Exception {
    maven("echo '[INFO] much'; echo '[ERROR] Fettle.java:[3,1] cannot find symbol'; exit 1");
    Run run = run(checkout.resolve("fettle"), "--version");
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.output())
        .contains("cannot find symbol")
        .doesNotContain("much")
        .contains("the whole output is in " + checkout.toRealPath().resolve(".fettle/build.log"));
    assertThat(checkout.resolve(".fettle/lock")).doesNotExist();
  }

  @Test
  void aLockWhoseOwnerIsGoneIsTaken() throws Exception {
    maven("true");
    Files.createDirectories(checkout.resolve(".fettle/lock"));
    Process gone = new ProcessBuilder("true").start();
    gone.waitFor();
    Files.writeString(checkout.resolve(".fettle/lock/pid"), gone.pid() + "\n");
    assertThat(run(checkout.resolve("fettle"), "--version").exitCode()).isZero();
  }

  @Test
  void aWrongJdkIsNamed() throws Exception {
    Process process =
        builder(Map.of("FETTLE_JAVA_HOME", "/no/such/jdk"), checkout.resolve("fettle"), "--version")
            .start();
    Run run = Run.of(process);
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.output())
        .isEqualTo(
            "fettle: FETTLE_JAVA_HOME is /no/such/jdk, which is not a JDK 25; point it to one or"
                + " unset it.\n");
  }

  /// Puts a `mvn` on the PATH that counts its runs, runs `command`, and leaves what a build leaves.
  private void maven(String command) throws IOException {
    Path maven = bin.resolve("mvn");
    String target = checkout.resolve("cli/target").toString();
    Files.writeString(
        maven,
        """
        #!/bin/bash
        echo run >>'%s/builds'
        %s
        echo '%s' >'%s/classpath.txt'
        """
            .formatted(folder, command, System.getProperty("java.class.path"), target));
    assertThat(maven.toFile().setExecutable(true)).isTrue();
  }

  private long builds() throws IOException {
    try (Stream<String> lines = Files.lines(folder.resolve("builds"))) {
      return lines.count();
    }
  }

  private Run run(Path script, String... args) throws Exception {
    return Run.of(start(script, args));
  }

  private Process start(Path script, String... args) throws IOException {
    return builder(Map.of(), script, args).start();
  }

  private ProcessBuilder builder(Map<String, String> extra, Path script, String... args) {
    ProcessBuilder builder =
        new ProcessBuilder(Stream.concat(Stream.of(script.toString()), Stream.of(args)).toList());
    Map<String, String> environment = new HashMap<>(extra);
    environment.putIfAbsent("FETTLE_JAVA_HOME", System.getProperty("java.home"));
    environment.put("PATH", bin + ":" + System.getenv("PATH"));
    builder.environment().keySet().removeAll(List.of("FETTLE_JAVA_OPTS", "JAVA_TOOL_OPTIONS"));
    builder.environment().putAll(environment);
    return builder.directory(folder.toFile()).redirectErrorStream(true);
  }

  private record Run(int exitCode, String output) {
    static Run of(Process process) throws Exception {
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new Run(process.waitFor(), output);
    }
  }
}
