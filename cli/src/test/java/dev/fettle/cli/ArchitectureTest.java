package dev.fettle.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.fields;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// The arrows between the modules and the rules that hold in all of them, checked on the compiled
/// classes.
class ArchitectureTest {
  private static final String ROOT = "dev.fettle";

  /// For each module the modules it may use directly. Nothing points back.
  private static final Map<String, Set<String>> ARROWS =
      Map.ofEntries(
          Map.entry("tensor", Set.of()),
          Map.entry("checkpoint", Set.of("tensor")),
          Map.entry("quantize", Set.of("tensor", "checkpoint")),
          Map.entry("text", Set.of("tensor", "checkpoint")),
          Map.entry("parquet", Set.of("tensor", "checkpoint", "text")),
          Map.entry("engine", Set.of("tensor")),
          Map.entry("model", Set.of("tensor", "checkpoint", "quantize", "engine")),
          Map.entry("lora", Set.of("tensor", "checkpoint", "quantize", "engine", "model")),
          Map.entry("plan", Set.of("tensor", "checkpoint", "quantize", "engine", "model", "lora")),
          Map.entry(
              "calibrate",
              Set.of("tensor", "checkpoint", "quantize", "text", "engine", "model", "lora")),
          Map.entry(
              "finetune",
              Set.of(
                  "tensor",
                  "checkpoint",
                  "quantize",
                  "text",
                  "engine",
                  "model",
                  "lora",
                  "plan",
                  "calibrate")),
          Map.entry(
              "evaluate",
              Set.of(
                  "tensor",
                  "checkpoint",
                  "quantize",
                  "text",
                  "engine",
                  "model",
                  "lora",
                  "calibrate")),
          Map.entry(
              "export",
              Set.of(
                  "tensor",
                  "checkpoint",
                  "quantize",
                  "text",
                  "engine",
                  "model",
                  "lora",
                  "calibrate",
                  "evaluate")),
          Map.entry(
              "doctor",
              Set.of(
                  "tensor",
                  "checkpoint",
                  "quantize",
                  "text",
                  "engine",
                  "model",
                  "lora",
                  "plan",
                  "calibrate",
                  "evaluate",
                  "export")),
          Map.entry(
              "demo",
              Set.of(
                  "tensor",
                  "checkpoint",
                  "quantize",
                  "text",
                  "engine",
                  "model",
                  "lora",
                  "calibrate",
                  "finetune",
                  "evaluate")));

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages(ROOT);

  static List<String> modules() {
    return ARROWS.keySet().stream().sorted().toList();
  }

  @ParameterizedTest
  @MethodSource("modules")
  void aModuleUsesOnlyTheModulesBeforeIt(String module) {
    String[] forbidden =
        CLASSES.stream()
            .map(JavaClass::getPackageName)
            .filter(name -> name.startsWith(ROOT + "."))
            .map(name -> name.split("\\.")[2])
            .distinct()
            .filter(other ->
                !other.equals(module) && !ARROWS.getOrDefault(module, Set.of()).contains(other))
            .map(other -> ROOT + "." + other + "..")
            .toArray(String[]::new);
    noClasses()
        .that()
        .resideInAPackage(ROOT + "." + module + "..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(forbidden)
        .allowEmptyShould(true)
        .check(CLASSES);
  }

  @Test
  void everyModuleOfTheBuildIsInTheArrows() throws IOException {
    String pom = Files.readString(Sources.ROOT.resolve("pom.xml"));
    List<String> listed =
        Pattern.compile("<module>(.*)</module>")
            .matcher(pom)
            .results()
            .map(m -> m.group(1))
            .toList();
    assertThat(ARROWS.keySet()).isSubsetOf(listed);
    assertThat(listed)
        .filteredOn(module -> !ARROWS.containsKey(module))
        .containsExactlyInAnyOrder(
            "style", "fuzz", "cli", "benchmarks"); // tools and the two ends of the line
  }

  @Test
  void nothingUsesTheCommandLine() {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + ".cli..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(ROOT + ".cli..", "picocli..", "org.jline..")
        .check(CLASSES);
  }

  @ParameterizedTest
  @CsvSource({"engine, org.bytedeco..", "text, ai.djl..", "style, com.google.googlejavaformat.."})
  void aForeignLibraryStaysInItsModule(String module, String library) {
    noClasses()
        .that()
        .resideOutsideOfPackage(ROOT + "." + module + "..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage(library)
        .check(CLASSES);
  }

  @Test
  void onlyTheProgramEndsTheProcess() {
    noClasses()
        .that()
        .doNotHaveFullyQualifiedName(Fettle.class.getName())
        .should()
        .callMethod(System.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "exit", int.class)
        .orShould()
        .callMethod(Runtime.class, "halt", int.class)
        .check(CLASSES);
  }

  @Test
  void noStaticFieldCanBeReassigned() {
    fields()
        .that()
        .areStatic()
        .and()
        .doNotHaveModifier(JavaModifier.SYNTHETIC)
        .should()
        .beFinal()
        .check(CLASSES);
  }
}
