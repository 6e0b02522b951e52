package dev.fettle.engine;

import java.io.IOException;
import java.util.Locale;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
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

  /// Loads the library and says which it is, such as `LibTorch 2.10.0 (avx512), 2 threads`.
  ///
  /// @throws dev.fettle.tensor.UserException as [#load]
  public static String describe() {
    Native.load();
    try (BytePointer capability = torch.get_cpu_capability()) {
      return "LibTorch %s (%s), %d threads"
          .formatted(
              version(), capability.getString().toLowerCase(Locale.ROOT), torch.get_num_threads());
    }
  }

  /// That of LibTorch, without that of the binding behind it.
  private static String version() {
    try {
      String both = Loader.getVersion("org.bytedeco", "pytorch");
      return both == null ? "of unknown version" : both.split("-", 2)[0];
    } catch (IOException e) {
      return "of unknown version"; // the jar does not say
    }
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
