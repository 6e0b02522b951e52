package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#HUB_LISTING].
class HubListingFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.HUB_LISTING.check(data);
  }
}
