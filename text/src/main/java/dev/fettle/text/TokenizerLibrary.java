package dev.fettle.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;

/// The native library that reads tokenizers.
public final class TokenizerLibrary {
  private static final String PROPERTIES = "/native/lib/tokenizers.properties";

  private TokenizerLibrary() {}

  /// Loads the library and says which it is, such as `tokenizers 0.21.0`.
  ///
  /// @throws dev.fettle.tensor.UserException if there is no build for this machine, or no place to
  ///   unpack it
  public static String describe() {
    NativeLibrary.get();
    Properties properties = new Properties();
    try (InputStream in = TokenizersLibrary.class.getResourceAsStream(PROPERTIES)) {
      if (in != null) {
        properties.load(in);
      }
    } catch (IOException e) {
      return "tokenizers of unknown version"; // the jar does not say
    }
    return "tokenizers " + properties.getProperty("version", "of unknown version").split("-", 2)[0];
  }
}
