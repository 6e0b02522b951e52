package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#SAFETENSORS_HEADER].
class SafetensorsHeaderFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.SAFETENSORS_HEADER.check(data);
  }
}
