package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#VOCABULARY].
class VocabularyFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.VOCABULARY.check(data);
  }
}
