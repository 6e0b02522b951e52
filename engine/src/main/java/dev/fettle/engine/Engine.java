package dev.fettle.engine;

import org.bytedeco.pytorch.global.torch;

/// The engine as a whole: loading and threads.
public final class Engine {
  private Engine() {}

  /// Loads the native library now rather than at the first tensor; about two seconds.
  ///
  /// @throws dev.fettle.tensor.UserException if there is none for this machine
  public static void load() {
    Native.load();
  }

  /// Threads of one operation; the number of processors unless {@link #threads(int)} changed it.
  public static int threads() {
    Native.load();
    return torch.get_num_threads();
  }

  public static void threads(int count) {
    Native.load();
    torch.set_num_threads(count);
  }
}
