package dev.fettle.quantize.awq;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.PackedForm;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
import dev.fettle.quantize.gptq.StoredParts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.MappedPages;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.node.ObjectNode;

/// The quantized weights of a folder that AutoAWQ wrote in its GEMM format; see [AwqLayout] for its
/// tensors. Codes are turned into rows once, when a weight is read.
public final class AwqWeights implements QuantizedWeights {
  private final Checkpoint checkpoint;
  private final AwqConfig config;
  private final StoredParts parts;

  /// @param config for which [AwqConfig#isOf] holds
  /// @throws UserException if the folder's quantization is of a kind that is not supported
  public AwqWeights(Checkpoint checkpoint, ObjectNode config) {
    this.checkpoint = checkpoint;
    this.config = AwqConfig.parse(config, "The quantization_config of " + checkpoint.path());
    this.parts = new StoredParts(checkpoint, "AWQ");
  }

  @Override
  public boolean isQuantized(String weightName) {
    return checkpoint.infos().containsKey(QuantizedWeights.module(weightName) + AwqLayout.CODES);
  }

  @Override
  public List<String> parts(String weightName) {
    String module = QuantizedWeights.module(weightName);
    return AwqLayout.SUFFIXES.stream()
        .map(suffix -> module + suffix)
        .filter(checkpoint.infos()::containsKey)
        .toList();
  }

  @Override
  public DType scaleDtype(String weightName) {
    return checkpoint.info(QuantizedWeights.module(weightName) + AwqLayout.SCALES).dtype();
  }

  @Override
  public PackedForm form(String weightName, Shape demanded) {
    String module = QuantizedWeights.module(weightName);
    Scheme scheme = scheme(module, demanded, zeros(module, demanded));
    return new PackedForm(scheme, parts.modelDtype());
  }

  @Override
  public AffineTensor read(String weightName, Shape demanded) {
    String module = QuantizedWeights.module(weightName);
    long outputs = demanded.dim(0);
    long inputs = demanded.dim(1);
    if (outputs % 8 != 0 || inputs % 8 != 0) {
      throw new UserException(
          "Layer %s in %s has shape %s; AWQ packs eight outputs into a word and needs multiples of 8."
              .formatted(module, checkpoint.path(), demanded));
    }
    HostTensor zeros = zeros(module, demanded);
    Scheme.Affine scheme = scheme(module, demanded, zeros);
    HostTensor words =
        parts.demand(module + AwqLayout.CODES, DType.I32, Shape.of(inputs, outputs / 8));
    MemorySegment codes = Arena.ofAuto().allocate(words.byteSize(), 64);
    NibbleMatrix.toRows(words.data(), inputs, outputs, codes);
    MappedPages.release(words.data());
    return new AffineTensor(
        demanded,
        parts.modelDtype(),
        scheme,
        codes,
        parts.scales(module + AwqLayout.SCALES),
        zeros);
  }

  private @Nullable HostTensor zeros(String module, Shape shape) {
    int groups = parts.groups(module + AwqLayout.SCALES, shape.dim(0));
    HostTensor stored =
        parts.demand(module + AwqLayout.ZEROS, DType.I32, Shape.of(groups, shape.dim(0) / 8));
    return LaneZeros.unpack(stored);
  }

  private Scheme.Affine scheme(String module, Shape shape, @Nullable HostTensor zeros) {
    int groups = parts.groups(module + AwqLayout.SCALES, shape.dim(0));
    return new Scheme.Affine(
        AwqConfig.BITS,
        true,
        zeros == null ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC,
        parts.granularity(module, shape.dim(1), groups, config.groupSize(), false));
  }
}
