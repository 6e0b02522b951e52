package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#TOKENIZER_MODEL].
class TokenizerModelFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.TOKENIZER_MODEL.check(data);
  }
}
