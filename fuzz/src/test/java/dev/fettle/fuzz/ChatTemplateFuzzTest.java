package dev.fettle.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;

/// Looks for files that break [Target#CHAT_TEMPLATE].
class ChatTemplateFuzzTest {
  @FuzzTest(maxDuration = "1m")
  void fuzz(byte[] data) {
    Target.CHAT_TEMPLATE.check(data);
  }
}
