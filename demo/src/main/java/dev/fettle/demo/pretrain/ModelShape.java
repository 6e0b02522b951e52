package dev.fettle.demo.pretrain;

import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.node.ObjectNode;

/// The size of a Llama-architecture model with tied embeddings.
///
/// @param vocab rows of the embedding
/// @param hidden width of the residual stream; `heads` times the width of one head
/// @param intermediate width of the gated MLP
/// @param layers decoder blocks
/// @param heads query heads
/// @param kvHeads key and value heads, a divisor of `heads`
/// @param positions longest sequence
public record ModelShape(
    int vocab, int hidden, int intermediate, int layers, int heads, int kvHeads, int positions) {
  /// The embedded model: 2.6 million parameters, 5.2 MB as bfloat16. All row lengths are multiples
  /// of 256, so that every block format fits.
  public static final ModelShape EMBEDDED = new ModelShape(1024, 256, 512, 4, 8, 4, 512);

  /// For texts of ordinary language: 5.2 million parameters.
  public static final ModelShape TEXT = new ModelShape(2048, 256, 768, 6, 8, 4, 512);

  public ModelShape {
    if (hidden % heads != 0 || heads % kvHeads != 0) {
      throw new IllegalArgumentException(
          hidden + " wide with " + heads + " heads and " + kvHeads + " KV heads does not divide");
    }
  }

  int headDim() {
    return hidden / heads;
  }

  /// `config.json` as transformers writes it, with the token ids of the embedded tokenizer.
  ObjectNode config(DType dtype) {
    ObjectNode config = Json.object();
    config.putArray("architectures").add("LlamaForCausalLM");
    return config
        .put("model_type", "llama")
        .put("vocab_size", vocab)
        .put("hidden_size", hidden)
        .put("intermediate_size", intermediate)
        .put("num_hidden_layers", layers)
        .put("num_attention_heads", heads)
        .put("num_key_value_heads", kvHeads)
        .put("head_dim", headDim())
        .put("max_position_embeddings", positions)
        .put("hidden_act", "silu")
        .put("rms_norm_eps", 1e-5)
        .put("rope_theta", 10000.0)
        .put("tie_word_embeddings", true)
        .put("attention_bias", false)
        .put("mlp_bias", false)
        .put("bos_token_id", RandomModel.BEGIN_ID)
        .put("eos_token_id", RandomModel.END_ID)
        .put("torch_dtype", dtype == DType.BF16 ? "bfloat16" : "float32");
  }

  /// Every tensor of the checkpoint, in the order of the data flow.
  List<TensorInfo> tensors(DType dtype) {
    List<TensorInfo> tensors = new ArrayList<>();
    int kvWidth = kvHeads * headDim();
    tensors.add(info("model.embed_tokens", dtype, vocab, hidden));
    for (int layer = 0; layer < layers; layer++) {
      String at = "model.layers." + layer + ".";
      tensors.add(info(at + "input_layernorm", dtype, hidden));
      tensors.add(info(at + "self_attn.q_proj", dtype, hidden, hidden));
      tensors.add(info(at + "self_attn.k_proj", dtype, kvWidth, hidden));
      tensors.add(info(at + "self_attn.v_proj", dtype, kvWidth, hidden));
      tensors.add(info(at + "self_attn.o_proj", dtype, hidden, hidden));
      tensors.add(info(at + "post_attention_layernorm", dtype, hidden));
      tensors.add(info(at + "mlp.gate_proj", dtype, intermediate, hidden));
      tensors.add(info(at + "mlp.up_proj", dtype, intermediate, hidden));
      tensors.add(info(at + "mlp.down_proj", dtype, hidden, intermediate));
    }
    tensors.add(info("model.norm", dtype, hidden));
    return tensors;
  }

  long parameters() {
    return tensors(DType.F32).stream().mapToLong(t -> t.shape().elements()).sum();
  }

  private static TensorInfo info(String module, DType dtype, long... dims) {
    return new TensorInfo(module + ".weight", dtype, Shape.of(dims));
  }
}
