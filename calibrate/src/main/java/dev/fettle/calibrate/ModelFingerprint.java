package dev.fettle.calibrate;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.HostTensor;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.TreeMap;
import tools.jackson.databind.node.ObjectNode;

/// Tells one model from another without reading all of it: the SHA-256 over what the configuration
/// says about the computation and, for each tensor in the order of the names, its name, dtype,
/// shape and first KiB.
///
/// The same weights in other shards, beside another tokenizer or under another path have the same
/// fingerprint. Models that differ only beyond the first KiB of every tensor are not told apart;
/// training and quantizing change more than that.
public final class ModelFingerprint {
  private static final long HEAD_BYTES = 1024;

  private ModelFingerprint() {}

  /// @return 64 hexadecimal digits
  /// @throws dev.fettle.tensor.UserException if the folder is no supported model
  public static String of(Checkpoint model) {
    MessageDigest digest = sha256();
    update(digest, essentials(model));
    for (TensorInfo info : new TreeMap<>(model.infos()).values()) {
      update(digest, "\n" + info.name() + " " + info.dtype() + " " + info.shape() + "\n");
      HostTensor tensor = model.tensor(info.name());
      long bytes = Math.min(HEAD_BYTES, tensor.byteSize());
      digest.update(tensor.data().asSlice(0, bytes).asByteBuffer());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /// The keys that determine the computation, in fixed order; the dtype of the weights is in the
  /// tensors already.
  private static String essentials(Checkpoint model) {
    ObjectNode json = model.config().toJson();
    json.remove("torch_dtype");
    return Json.compact(json);
  }

  private static void update(MessageDigest digest, String text) {
    digest.update(text.getBytes(StandardCharsets.UTF_8));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
