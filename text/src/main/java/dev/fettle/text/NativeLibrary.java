package dev.fettle.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Loads the Hugging Face tokenizers library out of the DJL jar.
///
/// DJL's own loader and its `HuggingFaceTokenizer` class are left aside on purpose: the first looks
/// for a GPU and then downloads a CUDA build, and keeps a copy under the home folder; the second
/// reports its use over the network unless told not to. Only the raw JNI class is used, so none of
/// that code is ever reached; a test holds us to it.
final class NativeLibrary {
  private static final Loaded LOADED = Loaded.attempt();

  private NativeLibrary() {}

  /// @throws UserException if there is no build for this operating system and processor
  static TokenizersLibrary get() {
    if (LOADED.failure != null) {
      throw new UserException(LOADED.failure, LOADED.cause);
    }
    return TokenizersLibrary.LIB;
  }

  private record Loaded(@Nullable String failure, @Nullable Throwable cause) {
    static Loaded attempt() {
      String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
      String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
      try {
        load(Build.of(os, arch));
        return new Loaded(null, null);
      } catch (IOException | UnsatisfiedLinkError e) {
        return new Loaded(
            "The tokenizers library for "
                + os
                + " on "
                + arch
                + " cannot be loaded ("
                + e.getMessage()
                + "); it exists for Linux and Windows on x86-64, and Linux and macOS on ARM64, and"
                + " needs a writable temporary folder (-Djava.io.tmpdir) that allows execution.",
            e);
      }
    }
  }

  /// One native build inside the jar: its folder and its files in the order they must be loaded.
  private record Build(String folder, List<String> files) {
    static Build of(String os, String arch) {
      String processor = arch.equals("aarch64") || arch.equals("arm64") ? "aarch64" : "x86_64";
      if (os.startsWith("windows")) {
        return new Build(
            "win-" + processor,
            List.of(
                "libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", "tokenizers.dll"));
      }
      return os.startsWith("mac")
          ? new Build("osx-" + processor, List.of("libtokenizers.dylib"))
          : new Build("linux-" + processor, List.of("libtokenizers.so"));
    }
  }

  private static void load(Build build) throws IOException {
    Path folder = Files.createTempDirectory("fettle-tokenizers");
    try {
      for (String file : build.files()) {
        String resource = "/native/lib/" + build.folder() + "/cpu/" + file;
        Path target = folder.resolve(file);
        try (InputStream in = TokenizersLibrary.class.getResourceAsStream(resource)) {
          if (in == null) {
            throw new IOException("no " + resource + " in the tokenizers jar");
          }
          Files.copy(in, target);
        }
        target.toFile().deleteOnExit(); // Windows keeps a loaded library until the process ends
        System.load(target.toString());
      }
    } finally {
      discard(folder, build);
    }
  }

  /// A loaded library stays mapped when its file is gone, except on Windows, where deletion fails
  /// and is left to the end of the process.
  private static void discard(Path folder, Build build) throws IOException {
    folder.toFile().deleteOnExit();
    if (build.folder().startsWith("win")) {
      return;
    }
    for (String file : build.files()) {
      Files.deleteIfExists(folder.resolve(file));
    }
    Files.deleteIfExists(folder);
  }
}
