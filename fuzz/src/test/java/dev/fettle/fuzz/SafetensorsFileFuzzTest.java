package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#SAFETENSORS_FILE].
class SafetensorsFileFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.SAFETENSORS_FILE.check(data);
  }
}
