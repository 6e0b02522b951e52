package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#ADAPTER].
class AdapterFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.ADAPTER.check(data);
  }
}
