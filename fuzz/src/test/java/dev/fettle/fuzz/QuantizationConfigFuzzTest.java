package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#QUANTIZATION_CONFIG].
class QuantizationConfigFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.QUANTIZATION_CONFIG.check(data);
  }
}
