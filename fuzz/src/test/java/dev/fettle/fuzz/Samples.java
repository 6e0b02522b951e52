package dev.fettle.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/// Sound files that a target puts beside the one that is hostile.
final class Samples {
  static final String CONFIG =
      """
      {"model_type":"llama","architectures":["LlamaForCausalLM"],"hidden_size":16,"intermediate_size":32,
       "num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1,"vocab_size":32,
       "rms_norm_eps":1e-05,"max_position_embeddings":64,"rope_theta":10000.0,"hidden_act":"silu",
       "tie_word_embeddings":false,"torch_dtype":"float32"}\
      """;

  /// Of a file with 26 bytes of data.
  static final byte[] HEADER =
      """
      {"a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},\
      "b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}\
      """
          .getBytes(StandardCharsets.UTF_8);

  /// Beside a 4-bit weight of shape `[8, 16]`.
  static final byte[] STATE =
      "{\"quant_type\":\"nf4\",\"blocksize\":64,\"dtype\":\"bfloat16\",\"shape\":[8,16]}"
          .getBytes(StandardCharsets.UTF_8);

  /// The levels of NF4, float32, little-endian.
  private static final byte[] NF4 =
      HexFormat.of()
          .parseHex(
              "000080bfb13932bf306b06bfa032cabe4da291be3f353dbe7178babd00000000"
                  + "fffaa23de3ca243edd047c3e3a03ad3eb8a4e13eab07103fb313393f0000803f");

  private static final String LAYER = "model.layers.0.";

  /// The linear layers that the files below have weights of.
  static final List<String> MODULES =
      List.of(
          LAYER + "self_attn.q_proj",
          LAYER + "self_attn.k_proj",
          LAYER + "self_attn.v_proj",
          LAYER + "self_attn.o_proj",
          LAYER + "mlp.up_proj",
          LAYER + "mlp.down_proj");

  private Samples() {}

  /// A safetensors file.
  static byte[] file(byte[] header, int dataBytes) {
    return ByteBuffer.allocate(8 + header.length + dataBytes)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .array();
  }

  /// Weights `[8, 16]` as the tools store them: 4-bit by bitsandbytes without and with nested
  /// scales, integers by compressed-tensors packed and plain, 4-bit by GPTQ and AWQ.
  ///
  /// @param state the JSON beside the 4-bit weights of bitsandbytes
  static byte[] quantized(byte[] state) {
    Tensors tensors = new Tensors();
    tensors.add(MODULES.get(0) + ".weight", "U8", 1, 64, 1);
    tensors.add(MODULES.get(0) + ".weight.absmax", "F32", 4, 2);
    tensors.add(MODULES.get(0) + ".weight.quant_map", "F32", 4, 16);
    tensors.fill(NF4);
    tensors.add(MODULES.get(0) + ".weight.quant_state.bitsandbytes__nf4", "U8", 1, state.length);
    tensors.fill(state);
    tensors.add(MODULES.get(1) + ".weight", "U8", 1, 64, 1);
    tensors.add(MODULES.get(1) + ".weight.absmax", "U8", 1, 2);
    tensors.add(MODULES.get(1) + ".weight.nested_absmax", "F32", 4, 1);
    tensors.add(MODULES.get(1) + ".weight.nested_quant_map", "F32", 4, 256);
    tensors.add(MODULES.get(1) + ".weight.quant_map", "F32", 4, 16);
    tensors.fill(NF4);
    tensors.add(MODULES.get(1) + ".weight.quant_state.bitsandbytes__nf4", "U8", 1, state.length);
    tensors.fill(state);
    tensors.add(MODULES.get(2) + ".weight_packed", "I32", 4, 8, 2);
    tensors.add(MODULES.get(2) + ".weight_scale", "F32", 4, 8, 1);
    tensors.add(MODULES.get(2) + ".weight_shape", "I64", 8, 2);
    tensors.add(MODULES.get(3) + ".weight", "I8", 1, 8, 16);
    tensors.add(MODULES.get(3) + ".weight_scale", "F32", 4, 8, 1);
    tensors.add(MODULES.get(3) + ".SCB", "F32", 4, 8);
    tensors.add(MODULES.get(4) + ".qweight", "I32", 4, 2, 8);
    tensors.add(MODULES.get(4) + ".qzeros", "I32", 4, 1, 1);
    tensors.add(MODULES.get(4) + ".scales", "F16", 2, 1, 8);
    tensors.add(MODULES.get(4) + ".g_idx", "I32", 4, 16);
    tensors.add(MODULES.get(5) + ".qweight", "I32", 4, 16, 1);
    tensors.add(MODULES.get(5) + ".qzeros", "I32", 4, 1, 1);
    tensors.add(MODULES.get(5) + ".scales", "F16", 2, 1, 8);
    return tensors.file();
  }

  /// Puts a safetensors file together; the data are zeros but for what is filled in.
  private static final class Tensors {
    private final List<String> entries = new ArrayList<>();
    private byte[] data = {};
    private int last;

    void add(String name, String dtype, int bytes, int... shape) {
      last = data.length;
      int size = Arrays.stream(shape).reduce(bytes, Math::multiplyExact);
      data = Arrays.copyOf(data, last + size);
      entries.add(
          "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
              .formatted(name, dtype, Arrays.toString(shape), last, data.length));
    }

    /// The data of the tensor added last.
    void fill(byte[] content) {
      System.arraycopy(content, 0, data, last, content.length);
    }

    byte[] file() {
      byte[] header = ("{" + String.join(",", entries) + "}").getBytes(StandardCharsets.UTF_8);
      byte[] file = Samples.file(header, data.length);
      System.arraycopy(data, 0, file, 8 + header.length, data.length);
      return file;
    }
  }
}
