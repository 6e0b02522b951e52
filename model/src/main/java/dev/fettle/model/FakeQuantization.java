package dev.fettle.model;

import dev.fettle.engine.Scope;
import dev.fettle.engine.Tensor;
import dev.fettle.quantize.AffineGrid;
import dev.fettle.quantize.AffineScales;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.StraightThrough;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import org.jspecify.annotations.Nullable;

/// A weight that is rounded to a number format before each use while it is trained, so that the
/// model learns with the error of the format it will be shipped in; Jacob et al. 2018
/// (arXiv:1712.05877), section 3.
///
/// What is rounded is the very weight that will be written, in the dtype of its checkpoint, by the
/// very quantizer that writes it: the shipped integers are those of the last forward pass. The
/// gradient passes straight through the rounding, see {@link StraightThrough}.
public final class FakeQuantization {
  /// Where the weight comes from.
  public sealed interface Source {
    /// Trained in full.
    record Trained(Parameter weight) implements Source {}

    /// Frozen with a trained low-rank update inside the rounding: `round(W + scale · B · A)`.
    record Adapted(Tensor base, LoraPair pair) implements Source {}

    /// Frozen.
    record Frozen(Tensor base) implements Source {}
  }

  private final String path;
  private final Source source;
  private final Scheme scheme;
  private final DType dtype;
  private final @Nullable Parameter halfRanges;
  private final @Nullable InputQuantization input;
  private float @Nullable [] frozenRanges;
  private boolean enabled = true;

  /// @param path of the layer
  /// @param scheme what the weight is rounded to
  /// @param dtype in which the weight is stored, F32, BF16 or F16
  /// @param halfRanges learned: half the width of each range of a symmetric integer scheme, as the
  ///   scales are laid out; null takes the ranges from the weight
  /// @param input how the layer's input is rounded, or null
  public FakeQuantization(
      String path,
      Source source,
      Scheme scheme,
      DType dtype,
      @Nullable Parameter halfRanges,
      @Nullable InputQuantization input) {
    this.path = path;
    this.source = source;
    this.scheme = scheme;
    this.dtype = dtype;
    this.halfRanges = halfRanges;
    this.input = input;
  }

  public String path() {
    return path;
  }

  public Scheme scheme() {
    return scheme;
  }

  public @Nullable Parameter halfRanges() {
    return halfRanges;
  }

  public @Nullable InputQuantization input() {
    return input;
  }

  /// Whether weight and input are rounded at all; off, the layer computes in floating point.
  public void enabled(boolean on) {
    enabled = on;
  }

  /// The layer's input as it is rounded, or null where it is not; its range is observed either way.
  ///
  /// @param x `[rows, in]`
  /// @param observe whether this batch counts for observed ranges
  InputQuantization.@Nullable Rounded roundInput(Tensor x, boolean observe) {
    if (input == null) {
      return null;
    }
    if (enabled) {
      return input.round(x.contiguous(), observe);
    }
    if (observe) {
      input.observe(x.contiguous()); // so that the range is known when rounding begins
    }
    return null;
  }

  boolean enabled() {
    return enabled;
  }

  Shape shape() {
    return switch (source) {
      case Source.Trained trained -> trained.weight().value().shape();
      case Source.Adapted adapted -> adapted.base().shape();
      case Source.Frozen frozen -> frozen.base().shape();
    };
  }

  /// The weight before rounding, in the dtype it is stored in.
  public Tensor stored() {
    return switch (source) {
      case Source.Trained trained -> trained.weight().in(dtype);
      case Source.Frozen frozen -> frozen.base().to(dtype);
      case Source.Adapted adapted -> {
        try (Scope scope = Scope.open()) {
          Tensor sum = adapted.base().to(DType.F32).copy();
          LoraPair pair = adapted.pair();
          sum.addmmInPlace(pair.b().value(), pair.a().value(), pair.scale());
          yield scope.keep(sum.to(dtype));
        }
      }
    };
  }

  /// The weight as it is shipped now.
  ///
  /// @param allocator memory accessible from any thread
  public QuantizedTensor quantize(SegmentAllocator allocator) {
    try (Scope scope = Scope.open()) {
      HostTensor weight = stored().hostView();
      if (halfRanges == null && frozenRanges == null) {
        return Quantizer.quantize(path + ".weight", weight, scheme, allocator);
      }
      return scales(allocator).round(weight, allocator);
    }
  }

  /// The weight as the layer computes with it, `[out, in]`.
  void writeTo(DType target, MemorySegment out) {
    try (Arena arena = Arena.ofShared()) {
      quantize(arena).dequantize(target, out);
    }
  }

  /// The scales of ranges that are learned or frozen.
  private AffineScales scales(SegmentAllocator allocator) {
    AffineScales scales =
        new AffineScales(path + ".weight", shape(), dtype, (Scheme.Affine) scheme, allocator);
    float[] ranges = frozenRanges;
    if (ranges == null) {
      ranges = symmetric(learned().value().toFloats());
    }
    int count = ranges.length / 2;
    for (int i = 0; i < count; i++) {
      scales.set(i, ranges[i], ranges[count + i]);
    }
    return scales;
  }

  /// A learned range that shrinks to nothing is kept open by the smallest width that still divides.
  private static float[] symmetric(float[] halves) {
    float[] ranges = new float[2 * halves.length];
    for (int i = 0; i < halves.length; i++) {
      ranges[halves.length + i] = Math.max(Math.abs(halves[i]), Float.MIN_NORMAL);
      ranges[i] = -ranges[halves.length + i];
    }
    return ranges;
  }

  private Parameter learned() {
    if (halfRanges == null) {
      throw new IllegalStateException(path + " has no learned ranges");
    }
    return halfRanges;
  }

  /// Smallest and largest weight of each range now: first all smallest, then all largest.
  ///
  /// @throws IllegalStateException if the scheme is not one of integers
  public float[] ranges() {
    if (!(scheme instanceof Scheme.Affine affine)) {
      throw new IllegalStateException(scheme + " has no ranges to keep");
    }
    if (halfRanges != null) {
      return symmetric(halfRanges.value().toFloats());
    }
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      HostTensor weight = stored().to(DType.F32).hostView();
      return new AffineScales(path + ".weight", shape(), dtype, affine, arena).ranges(weight);
    }
  }

  /// From now on the scales are those of these ranges, whatever the weight becomes; null lets them
  /// follow again.
  ///
  /// @param ranges as {@link #ranges} gives them
  public void freeze(float @Nullable [] ranges) {
    frozenRanges = ranges == null ? null : ranges.clone();
  }

  /// Sends the gradient of the rounded weight to what it was made from.
  ///
  /// @param gradient `[out, in]`, any float dtype
  void backward(Tensor gradient) {
    Tensor dw = gradient.to(DType.F32);
    boolean fixedRange = halfRanges != null || frozenRanges != null;
    if (enabled && fixedRange) {
      dw = dw == gradient ? gradient.copy() : dw.contiguous();
      throughRange(dw);
    }
    switch (source) {
      case Source.Trained trained -> trained.weight().accumulate(dw);
      case Source.Frozen frozen -> {}
      case Source.Adapted adapted -> {
        LoraPair pair = adapted.pair();
        Tensor da = pair.b().value().t().matmul(dw).mulInPlace(pair.scale());
        Tensor db = dw.matmul(pair.a().value().t()).mulInPlace(pair.scale());
        pair.a().accumulate(da);
        pair.b().accumulate(db);
      }
    }
  }

  private void throughRange(Tensor dw) {
    try (Scope scope = Scope.open();
        Arena arena = Arena.ofShared()) {
      AffineScales scales = scales(arena);
      HostTensor weight = stored().to(DType.F32).contiguous().hostView();
      float[] steps = StraightThrough.backward(weight, dw.hostView(), scales);
      if (halfRanges != null && frozenRanges == null) {
        addRangeGradients(steps, (double) weight.elements() / steps.length);
      }
    }
  }

  /// `scale = 2 · half / (qmax − qmin)`, and LSQ's balance of the two kinds of gradient: `1 / √(n ·
  /// qmax)` for n weights per scale; Esser et al. 2020, section 2.2.
  private void addRangeGradients(float[] steps, double perScale) {
    AffineGrid grid = ((Scheme.Affine) scheme).grid();
    double factor =
        2.0 / (grid.qMax() - grid.qMin()) / Math.sqrt(perScale * Math.max(1, grid.qMax()));
    MemorySegment gradient = learned().grad().segment();
    for (int i = 0; i < steps.length; i++) {
      float old = gradient.get(HostTensor.F32_LAYOUT, 4L * i);
      gradient.set(HostTensor.F32_LAYOUT, 4L * i, (float) (old + factor * steps[i]));
    }
  }
}
