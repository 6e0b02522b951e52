package dev.fettle.quantize.gptq;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.quantize.AffineTensor;
import dev.fettle.quantize.Granularity;
import dev.fettle.quantize.GroupIndex;
import dev.fettle.quantize.PackedForm;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.Symmetry;
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

/// The quantized weights of a folder that a GPTQ tool wrote; see [GptqLayout] for its tensors.
/// Codes are turned into rows once, when a weight is read.
public final class GptqWeights implements QuantizedWeights {
  private final Checkpoint checkpoint;
  private final GptqConfig config;
  private final StoredParts parts;

  /// @param config for which [GptqConfig#isOf] holds
  /// @throws UserException if the folder's quantization is of a kind that is not supported
  public GptqWeights(Checkpoint checkpoint, ObjectNode config) {
    this.checkpoint = checkpoint;
    this.config = GptqConfig.parse(config, "The quantization_config of " + checkpoint.path());
    this.parts = new StoredParts(checkpoint, "GPTQ");
  }

  @Override
  public boolean isQuantized(String weightName) {
    return checkpoint.infos().containsKey(QuantizedWeights.module(weightName) + GptqLayout.CODES);
  }

  @Override
  public List<String> parts(String weightName) {
    String module = QuantizedWeights.module(weightName);
    return GptqLayout.SUFFIXES.stream()
        .map(suffix -> module + suffix)
        .filter(checkpoint.infos()::containsKey)
        .toList();
  }

  @Override
  public DType scaleDtype(String weightName) {
    return checkpoint.info(QuantizedWeights.module(weightName) + GptqLayout.SCALES).dtype();
  }

  @Override
  public PackedForm form(String weightName, Shape demanded) {
    Form form = Form.of(this, QuantizedWeights.module(weightName), demanded);
    return new PackedForm(form.scheme(), parts.modelDtype());
  }

  @Override
  public AffineTensor read(String weightName, Shape demanded) {
    String module = QuantizedWeights.module(weightName);
    Form form = Form.of(this, module, demanded);
    Scheme.Affine scheme = form.scheme();
    HostTensor words =
        parts.demand(
            module + GptqLayout.CODES,
            DType.I32,
            Shape.of(GptqLayout.words(demanded.dim(1), scheme.bits()), demanded.dim(0)));
    MemorySegment codes = Arena.ofAuto().allocate(words.byteSize(), 64);
    WordMatrix.transpose(
        words.data(),
        words.shape().dim(0),
        words.shape().dim(1),
        WordMatrix.flip(scheme.bits()),
        codes);
    MappedPages.release(words.data());
    return new AffineTensor(
        demanded,
        parts.modelDtype(),
        scheme,
        codes,
        parts.scales(module + GptqLayout.SCALES),
        form.zeros(),
        groupIndex(module, demanded, scheme));
  }

  private @Nullable HostTensor groupIndex(String module, Shape shape, Scheme.Affine scheme) {
    String name = module + GptqLayout.GROUP_INDEX;
    if (!checkpoint.infos().containsKey(name)) {
      return null;
    }
    HostTensor stored = parts.demand(name, DType.I32, Shape.of(shape.dim(1)));
    int count = Math.toIntExact(scheme.granularity().scaleShape(shape).dim(1));
    String where = "Tensor '%s' in %s".formatted(name, checkpoint.path());
    int[] groups = GroupIndex.read(stored, count, where);
    return scheme.granularity() instanceof Granularity.PerGroup group
        ? GroupIndex.of(groups, group.size())
        : null;
  }

  /// What is known of a layer before its codes are read.
  ///
  /// @param zeros I8 `[out, groups]`, as `AffineTensor` counts them; null where all are zero
  private record Form(Scheme.Affine scheme, @Nullable HostTensor zeros) {

    static Form of(GptqWeights weights, String module, Shape shape) {
      long outputs = shape.dim(0);
      long columns = shape.dim(1);
      int bits = weights.bits(module, columns);
      if (bits == 8 && columns % 4 != 0) {
        throw new UserException(
            "Layer %s in %s has rows of %d bytes, which 32-bit words do not divide."
                .formatted(module, weights.checkpoint.path(), columns));
      }
      int groups = weights.parts.groups(module + GptqLayout.SCALES, outputs);
      Granularity granularity =
          weights.parts.granularity(
              module, columns, groups, weights.config.groupSize(), weights.config.perModule());
      HostTensor stored =
          weights.parts.demand(
              module + GptqLayout.ZEROS,
              DType.I32,
              Shape.of(groups, GptqLayout.words(outputs, bits)));
      HostTensor zeros =
          ZeroWords.unpack(stored, bits, Math.toIntExact(outputs), weights.config.secondFormat());
      Symmetry symmetry = zeros == null ? Symmetry.SYMMETRIC : Symmetry.ASYMMETRIC;
      return new Form(new Scheme.Affine(bits, true, symmetry, granularity), zeros);
    }
  }

  /// The configured bits, or those of the layer where layers differ.
  private int bits(String module, long columns) {
    if (!config.perModule()) {
      return config.bits();
    }
    String name = module + GptqLayout.CODES;
    long words = checkpoint.tensor(name).shape().dim(0);
    return GptqConfig.BITS.stream()
        .filter(bits -> GptqLayout.words(columns, bits) == words)
        .findFirst()
        .orElseThrow(() ->
            new UserException(
                "Tensor '%s' in %s has %d rows of words, which %d columns of 2, 3, 4 or 8 bits do not fill."
                    .formatted(name, checkpoint.path(), words, columns)));
  }
}
