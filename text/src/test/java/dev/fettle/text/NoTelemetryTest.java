package dev.fettle.text;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ClassFileImporter;
import org.junit.jupiter.api.Test;

class NoTelemetryTest {

  /// DJL's telemetry and downloads sit in its tokenizer and loader classes. The raw JNI class and
  /// its result type are all we may touch.
  @Test
  void onlyTheRawNativeClassesOfDjlAreUsed() {
    noClasses()
        .should()
        .dependOnClassesThat(
            resideInAPackage("ai.djl..")
                .and(
                    not(
                        nameMatching(
                            ".*ai\\.djl\\.huggingface\\.tokenizers\\.jni\\.(TokenizersLibrary|CharSpan);?"))))
        .check(new ClassFileImporter().importPackages("dev.fettle.text"));
  }
}
