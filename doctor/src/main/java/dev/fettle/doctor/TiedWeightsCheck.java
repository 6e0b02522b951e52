package dev.fettle.doctor;

import dev.fettle.checkpoint.Architecture;
import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.UserException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Whether `tie_word_embeddings` says what the file holds.
record TiedWeightsCheck() implements ModelCheck {
  /// Larger tensors are compared in samples, unless everything is asked for.
  private static final long WHOLE = 256L << 20;

  private static final int SAMPLES = 128;
  private static final long SAMPLE = 1 << 20;

  @Override
  public String id() {
    return "tied-weights";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    ModelConfig config = patient.config().value();
    Checkpoint checkpoint = patient.checkpoint().value();
    if (config == null
        || checkpoint == null
        || checkpoint instanceof GgufCheckpoint // a GGUF file says so by what it holds
        || !checkpoint.infos().containsKey(Architecture.EMBEDDING)) {
      return List.of();
    }
    boolean tied = config.tieWordEmbeddings();
    @Nullable TensorInfo head = checkpoint.infos().get(Architecture.OUTPUT_HEAD);
    if (head == null) {
      return List.of(tied ? withoutHead() : missing());
    }
    if (!Objects.equals(head.shape(), checkpoint.info(Architecture.EMBEDDING).shape())) {
      return tied ? List.of(different("another shape, " + head.shape())) : List.of();
    }
    try {
      return compared(patient, checkpoint, tied);
    } catch (UserException e) {
      return List.of(
          Finding.error(id(), e.getMessage() + "", "copy the file anew from where it came from"));
    }
  }

  private List<Finding> compared(Patient patient, Checkpoint checkpoint, boolean tied) {
    HostTensor embedding = checkpoint.tensor(Architecture.EMBEDDING);
    HostTensor output = checkpoint.tensor(Architecture.OUTPUT_HEAD);
    if (embedding.dtype() != output.dtype()) {
      return tied
          ? List.of(different("dtype %s, not %s".formatted(output.dtype(), embedding.dtype())))
          : List.of();
    }
    long at = mismatch(embedding.data(), output.data(), patient.request().deep());
    long width = embedding.shape().dim(1) * embedding.dtype().bytes();
    if (tied) {
      return List.of(
          at < 0
              ? Finding.ok(id(), "tied, and lm_head.weight in the file equals the embedding")
              : different(
                  "other numbers, the first in row %s"
                      .formatted(patient.names().named((int) (at / width)))));
    }
    return List.of(
        at < 0
            ? Finding.note(
                id(),
                "tie_word_embeddings is false, but lm_head.weight equals the embedding, which costs %s"
                    .formatted(Shown.bytes(output.byteSize())),
                "set \"tie_word_embeddings\": true in config.json, unless they are to be trained"
                    + " apart")
            : Finding.ok(id(), "lm_head.weight is a matrix of its own"));
  }

  private Finding withoutHead() {
    return Finding.ok(id(), "the embedding is the output head too");
  }

  private Finding missing() {
    return Finding.error(
        id(),
        "tie_word_embeddings is false, but the file has no lm_head.weight: the model has no output"
            + " head",
        "set \"tie_word_embeddings\": true in config.json if the model was trained so, or add the"
            + " shard that holds lm_head.weight");
  }

  private Finding different(String how) {
    return Finding.error(
        id(),
        "tie_word_embeddings is true, but lm_head.weight has %s; Fettle and transformers 5 run the head in the file, older and other loaders the embedding"
            .formatted(how),
        "set \"tie_word_embeddings\": false in config.json if the head was trained, or remove"
            + " lm_head.weight if it was not");
  }

  /// The first byte that differs, or -1.
  private static long mismatch(MemorySegment a, MemorySegment b, boolean deep) {
    if (deep || a.byteSize() <= WHOLE) {
      return a.mismatch(b);
    }
    long step = (a.byteSize() - SAMPLE) / (SAMPLES - 1);
    for (long i = 0; i < SAMPLES; i++) {
      long from = i * step;
      long at = a.asSlice(from, SAMPLE).mismatch(b.asSlice(from, SAMPLE));
      if (at >= 0) {
        return from + at;
      }
    }
    return -1;
  }
}
