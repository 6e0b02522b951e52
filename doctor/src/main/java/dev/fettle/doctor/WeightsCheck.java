package dev.fettle.doctor;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.checkpoint.GgufCheckpoint;
import dev.fettle.checkpoint.ModelConfig;
import dev.fettle.checkpoint.TensorInfo;
import dev.fettle.checkpoint.TensorSource;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/// Whether the numbers are numbers, and of the dtype that the configuration says.
record WeightsCheck() implements ModelCheck {
  @Override
  public String id() {
    return "weights";
  }

  @Override
  public List<Finding> examine(Patient patient) {
    Checkpoint checkpoint = patient.checkpoint().value();
    if (checkpoint == null || checkpoint.infos().isEmpty()) {
      return List.of();
    }
    boolean deep = patient.request().deep();
    List<Finding> findings = new ArrayList<>();
    long looked = numbers(checkpoint, deep, findings);
    ModelConfig config = patient.config().value();
    if (config != null && !(checkpoint instanceof GgufCheckpoint)) {
      dtypes(checkpoint, config, findings);
    }
    if (findings.isEmpty()) {
      findings.add(
          Finding.ok(
              id(),
              "%s numbers %s are finite"
                  .formatted(
                      Shown.count(looked), deep ? "(all)" : "in samples (--deep looks at all)")));
    }
    return findings;
  }

  private long numbers(Checkpoint checkpoint, boolean deep, List<Finding> findings) {
    List<String> broken = new ArrayList<>();
    List<String> zero = new ArrayList<>();
    long looked = 0;
    for (TensorInfo info : checkpoint.infos().values()) {
      if (!NumberScan.reads(info.dtype()) || skipped(checkpoint, info)) {
        continue;
      }
      NumberScan scan = scan(checkpoint, info, deep);
      looked += scan.looked();
      if (scan.broken() > 0) {
        broken.add(
            "%s has %s %s, the first at %s"
                .formatted(info.name(), Shown.count(scan.broken()), scan.kind(), scan.where()));
      } else if (scan.allZero() && info.shape().rank() == 2 && info.name().endsWith(".weight")) {
        zero.add(info.name());
      }
    }
    if (!broken.isEmpty()) {
      findings.add(
          Finding.error(
              id(),
              "%d tensors hold NaN or infinity: %s".formatted(broken.size(), Shown.list(broken)),
              "take a checkpoint from before the training diverged, or the original files; float16"
                  + " overflows above 65504 where bfloat16 does not"));
    }
    if (!zero.isEmpty()) {
      findings.add(
          Finding.warning(
              id(),
              "%d weights are zero %s: %s"
                  .formatted(
                      zero.size(), deep ? "throughout" : "wherever looked", Shown.list(zero)),
              "copy the files anew; a download that was preallocated and never filled looks so"));
    }
    return looked;
  }

  /// What a GGUF file packs in blocks is looked at by whoever dequantizes it.
  private static boolean skipped(Checkpoint checkpoint, TensorInfo info) {
    return checkpoint instanceof GgufCheckpoint gguf && gguf.blocks(info.name()) != null;
  }

  private static NumberScan scan(TensorSource source, TensorInfo info, boolean deep) {
    try {
      return NumberScan.of(source.tensor(info.name()), deep);
    } catch (IllegalStateException e) {
      throw new UserException("Tensor '" + info.name() + "' cannot be read.", e);
    }
  }

  private void dtypes(Checkpoint checkpoint, ModelConfig config, List<Finding> findings) {
    Map<DType, Integer> counts = new EnumMap<>(DType.class);
    for (TensorInfo info : checkpoint.infos().values()) {
      if (info.name().endsWith(".weight")) {
        counts.merge(info.dtype(), 1, Integer::sum);
      }
    }
    if (checkpoint.isQuantized() || counts.isEmpty()) {
      return;
    }
    List<String> odd =
        checkpoint.infos().values().stream()
            .filter(info -> info.name().endsWith(".weight") && !usual(info.dtype()))
            .map(info -> info.name() + " is " + info.dtype().torchName())
            .toList();
    if (!odd.isEmpty()) {
      findings.add(
          Finding.error(
              id(),
              "weights of a dtype that is not computed with: " + Shown.list(odd),
              "convert them: fettle convert --model MODEL --dtype bfloat16 --output NEW, or give the"
                  + " quantization_config that explains them"));
      return;
    }
    if (counts.size() > 1) {
      findings.add(Finding.note(id(), "weights of several dtypes: " + text(counts)));
    } else if (!counts.containsKey(config.torchDtype())) {
      findings.add(
          Finding.note(
              id(),
              "config.json says %s, the weights are %s, and what is computed in follows config.json"
                  .formatted(config.torchDtype().torchName(), text(counts)),
              "correct \"torch_dtype\" in config.json, or give --compute-dtype"));
    }
  }

  private static boolean usual(DType dtype) {
    return dtype == DType.F32 || dtype == DType.F16 || dtype == DType.BF16;
  }

  private static String text(Map<DType, Integer> counts) {
    return Shown.list(
        counts.entrySet().stream()
            .map(entry -> entry.getValue() + " in " + entry.getKey().torchName())
            .toList());
  }
}
