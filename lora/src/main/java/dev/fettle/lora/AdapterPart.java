package dev.fettle.lora;

import dev.fettle.tensor.Shape;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One thing an adapter does to a model, with the names and shapes of its tensors in PEFT's file.
public sealed interface AdapterPart {
  /// What PEFT puts before the path of every module.
  String PREFIX = "base_model.model.";

  /// The tensors that must be in the file, with their shapes.
  SequencedMap<String, Shape> tensors();

  /// The low-rank update of a linear layer, `[out, in]`, or of the embedding, whose `in` is the
  /// vocabulary and whose `out` is the hidden size.
  ///
  /// @param path of the module
  /// @param embedding whether it is the embedding
  /// @param scale what B · A is multiplied with
  /// @param dora whether there is a magnitude
  /// @param loraBias whether B has a bias
  /// @param baseBias whether the layer has a bias that `loraBias` can be merged into
  record LowRank(
      String path,
      boolean embedding,
      long in,
      long out,
      int rank,
      double scale,
      boolean dora,
      boolean loraBias,
      boolean baseBias)
      implements AdapterPart {
    /// `[rank, in]`
    public String a() {
      return PREFIX + path + (embedding ? ".lora_embedding_A" : ".lora_A.weight");
    }

    /// `[out, rank]`
    public String b() {
      return PREFIX + path + (embedding ? ".lora_embedding_B" : ".lora_B.weight");
    }

    /// `[out]`
    public String bias() {
      return PREFIX + path + ".lora_B.bias";
    }

    /// `[out]`
    public String magnitude() {
      return PREFIX + path + ".lora_magnitude_vector";
    }

    /// Where PEFT stores the frozen weight of an embedding or a head that is adapted.
    public String baseWeight() {
      return PREFIX + path + ".base_layer.weight";
    }

    @Override
    public SequencedMap<String, Shape> tensors() {
      SequencedMap<String, Shape> tensors = new LinkedHashMap<>();
      tensors.put(a(), Shape.of(rank, in));
      tensors.put(b(), Shape.of(out, rank));
      if (loraBias) {
        tensors.put(bias(), Shape.of(out));
      }
      if (dora) {
        tensors.put(magnitude(), Shape.of(out));
      }
      return tensors;
    }
  }

  /// A tensor of the model that the adapter holds in full: of a module in `modules_to_save`, or a
  /// trained bias.
  ///
  /// @param tensor its name in a checkpoint, such as `lm_head.weight`
  /// @param key its name in the adapter file
  /// @param tiedTo the name in a checkpoint of a whole tensor that is the same one, or null
  record Whole(String tensor, String key, Shape shape, @Nullable String tiedTo)
      implements AdapterPart {
    @Override
    public SequencedMap<String, Shape> tensors() {
      SequencedMap<String, Shape> tensors = new LinkedHashMap<>();
      tensors.put(key, shape);
      return tensors;
    }
  }

  /// Rows of the embedding or the head that are replaced.
  ///
  /// @param path of the module
  /// @param ids which rows
  /// @param andHead whether a tied head uses the same rows
  record Tokens(String path, List<Integer> ids, long hidden, boolean andHead)
      implements AdapterPart {
    /// `[ids, hidden]`: the rows themselves, whatever the name says
    public String rows() {
      return PREFIX + path + ".token_adapter.trainable_tokens_delta";
    }

    @Override
    public SequencedMap<String, Shape> tensors() {
      SequencedMap<String, Shape> tensors = new LinkedHashMap<>();
      tensors.put(rows(), Shape.of(ids.size(), hidden));
      return tensors;
    }
  }
}
