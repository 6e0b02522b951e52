package dev.fettle.quantize.ggml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fettle.checkpoint.gguf.GgufTensorType;
import dev.fettle.quantize.GgmlType;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class GgufRecipeTest {
  private static final Shape MATRIX = Shape.of(64, 256);
  private static final GgufRecipe.ModelShape MODEL =
      new GgufRecipe.ModelShape("llama", 16, 8, 2, false);

  /// `architecture layers heads kvHeads tied columns ffColumns headDim`
  private record Model(GgufRecipe.ModelShape shape, long columns, long downColumns, long headDim) {
    static Model parse(String[] parts) {
      int heads = Integer.parseInt(parts[3]);
      boolean tied = Boolean.parseBoolean(parts[5]);
      var shape =
          new GgufRecipe.ModelShape(
              parts[1], Integer.parseInt(parts[2]), heads, Integer.parseInt(parts[4]), tied);
      return new Model(
          shape, Long.parseLong(parts[6]), Long.parseLong(parts[7]), Long.parseLong(parts[8]));
    }

    Shape shapeOf(String role) {
      if (role.contains("norm")) {
        return Shape.of(columns);
      }
      return switch (role) {
        case "attn_q.bias" -> Shape.of(2);
        case "attn_output.weight" -> Shape.of(2, shape.heads() * headDim);
        case "ffn_down.weight" -> Shape.of(2, downColumns);
        default -> Shape.of(2, columns);
      };
    }
  }

  /// Every file type for every model that `tools/golden/make_gguf_recipes.py` had llama.cpp
  /// quantize.
  @Test
  void typesAreThoseOfLlamaCpp() throws IOException {
    Model model = null;
    int tensors = 0;
    for (String line : golden()) {
      String[] parts = line.split(" ");
      if (parts[0].equals("model")) {
        model = Model.parse(parts);
      } else if (!parts[2].equals("refused")) {
        GgufRecipe recipe = GgufRecipe.parse(parts[0]);
        for (int i = 3; i < parts.length; i++) {
          List<String> expected = expand(parts[2]);
          for (boolean imatrix : imatrix(parts[1])) {
            assertThat(types(Objects.requireNonNull(model), recipe, parts[i], imatrix))
                .as("%s, imatrix %s, in %s: %s", recipe, imatrix, model, parts[i])
                .isEqualTo(expected);
          }
          tensors += expected.size();
        }
      }
    }
    assertThat(tensors).isGreaterThan(50_000);
  }

  private static List<String> types(Model model, GgufRecipe recipe, String role, boolean imatrix) {
    boolean layered = role.startsWith("attn_") || role.startsWith("ffn_");
    List<String> types = new ArrayList<>();
    for (int layer = 0; layer < (layered ? model.shape().layers() : 1); layer++) {
      String name = layered ? "blk." + layer + "." + role : role;
      types.add(recipe.typeOf(name, model.shapeOf(role), model.shape(), imatrix).name());
    }
    return types;
  }

  private static boolean[] imatrix(String word) {
    return switch (word) {
      case "any" -> new boolean[] {false, true};
      case "with" -> new boolean[] {true};
      case "without" -> new boolean[] {false};
      default -> throw new IllegalArgumentException(word);
    };
  }

  /// `Q6_K*2,Q4_K*1` as three types.
  private static List<String> expand(String runs) {
    List<String> types = new ArrayList<>();
    for (String run : runs.split(",")) {
      String[] parts = run.split("\\*");
      for (int i = 0; i < Integer.parseInt(parts[1]); i++) {
        types.add(parts[0]);
      }
    }
    return types;
  }

  private static List<String> golden() throws IOException {
    try (var in = GgufRecipeTest.class.getResourceAsStream("/golden/gguf-recipes.txt");
        var reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
      return reader.lines().filter(line -> !line.startsWith("#")).toList();
    }
  }

  /// llama.cpp refuses such models in these file types.
  @Test
  void rowsThatNoBlockDividesStayHalfPrecision() {
    for (String recipe : new String[] {"q8_0", "q4_0", "q5_1", "iq4_nl", "mxfp4", "q4_k_m"}) {
      assertThat(
              GgufRecipe.parse(recipe)
                  .typeOf("blk.0.ffn_down.weight", Shape.of(64, 344), MODEL, false))
          .isEqualTo(GgufTensorType.F16);
    }
  }

  @Test
  void mxfp4IsForLinearLayers() {
    assertThat(GgufRecipe.MXFP4.typeOf("blk.3.attn_v.weight", MATRIX, MODEL, false))
        .isEqualTo(GgufTensorType.MXFP4);
    assertThat(GgufRecipe.MXFP4.typeOf("token_embd.weight", MATRIX, MODEL, false))
        .isEqualTo(GgufTensorType.Q8_0);
    assertThat(GgufRecipe.MXFP4.typeOf("output.weight", MATRIX, MODEL, true))
        .isEqualTo(GgufTensorType.Q8_0);
  }

  @Test
  void vectorsAndRoutersAreNotQuantized() {
    for (String name : new String[] {"blk.0.ffn_gate_inp.weight", "blk.0.attn_q.bias"}) {
      assertThat(GgufRecipe.Q4_K_M.typeOf(name, MATRIX, MODEL, false))
          .isEqualTo(GgufTensorType.F32);
    }
    assertThat(GgufRecipe.F16.typeOf("a.weight", Shape.of(1, 256), MODEL, false))
        .isEqualTo(GgufTensorType.F32);
  }

  @Test
  void everyTypeOfARecipeCanBeQuantizedTo() {
    for (GgmlType type : GgmlType.values()) {
      assertThat(GgmlType.of(type.gguf())).isEqualTo(type);
      assertThat(type.gguf().blockSize()).isEqualTo(type.blockSize());
      assertThat(type.gguf().blockBytes()).isEqualTo(type.blockBytes());
    }
    assertThat(GgmlType.of(GgufTensorType.F16)).isNull();
  }

  @Test
  void namesAreParsed() {
    for (GgufRecipe recipe : GgufRecipe.values()) {
      assertThat(GgufRecipe.parse(recipe.text())).isEqualTo(recipe);
      assertThat(GgufRecipe.parse(recipe.name())).isEqualTo(recipe);
    }
    assertThat(GgufRecipe.parse("q4_k")).isEqualTo(GgufRecipe.Q4_K_M);
    assertThat(GgufRecipe.parse("Q2_K")).isEqualTo(GgufRecipe.Q2_K);
    assertThatThrownBy(() -> GgufRecipe.parse("q4_km"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("'q4_km'")
        .hasMessageContaining("did you mean q4_k_m?");
  }
}
