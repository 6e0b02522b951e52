package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#DATA_CSV].
class DataCsvFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.DATA_CSV.check(data);
  }
}
