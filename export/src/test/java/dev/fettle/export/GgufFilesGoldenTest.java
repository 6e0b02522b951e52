package dev.fettle.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.gguf.GgufFile;
import dev.fettle.quantize.UnpackedCheckpoint;
import dev.fettle.quantize.ggml.GgufRecipe;
import dev.fettle.quantize.ggml.Imatrix;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Properties;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole files against llama.cpp's own quantizer: the types of all tensors and every byte of them.
/// Expected values: `tools/golden/make_gguf_files.py`.
class GgufFilesGoldenTest {
  private static final Path ROOT = Path.of(System.getProperty("fettle.root", ".."));
  private static final Path MODEL = ROOT.resolve("demo/src/main/resources/dev/fettle/demo/model");
  private static final Path IMATRIX =
      ROOT.resolve("calibrate/src/test/resources/golden/imatrix.gguf");

  @TempDir Path folder = Path.of("");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "f32", "q4_0", "q4_1", "q8_0", "q5_0", "q5_1", "q2_k", "q3_k_s", "q3_k_m", "q3_k_l",
        "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "q6_k", "iq4_nl", "iq4_xs"
      })
  void tensorsAreThoseOfLlamaCpp(String recipe) throws Exception {
    Properties golden = new Properties();
    try (var in = GgufFilesGoldenTest.class.getResourceAsStream("/golden/gguf-files.properties")) {
      golden.load(in);
    }
    if (recipe.equals("f32")) {
      assertThat(digest(recipe, null)).isEqualTo(golden.getProperty("f32"));
      return;
    }
    assertThat(digest(recipe, null))
        .as("without importance")
        .isEqualTo(golden.getProperty(recipe + ".without"));
    assertThat(digest(recipe, Imatrix.load(IMATRIX)))
        .as("with importance")
        .isEqualTo(golden.getProperty(recipe + ".with"));
  }

  private String digest(String recipe, @Nullable Imatrix imatrix) throws Exception {
    Path output = folder.resolve("model.gguf");
    try (UnpackedCheckpoint source = UnpackedCheckpoint.open(MODEL)) {
      GgufExportOptions options = new GgufExportOptions(GgufRecipe.parse(recipe), imatrix, null);
      GgufExport.write(source, output, options, ExportListener.none());
    }
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    try (GgufFile file = GgufFile.open(output)) {
      for (String name : new TreeSet<>(file.tensors().keySet())) {
        digest.update(file.data(name).toArray(ValueLayout.JAVA_BYTE));
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
