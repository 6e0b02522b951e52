package dev.fettle.model;

import dev.fettle.engine.Tensor;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.tensor.DType;

/// The weight of a projection or an embedding, `[out, in]`.
public sealed interface Weight {
  long out();

  long in();

  /// Bytes it occupies between steps.
  long residentBytes();

  /// Frozen, and already in the compute dtype.
  record Dense(Tensor value) implements Weight {
    @Override
    public long out() {
      return value.size(0);
    }

    @Override
    public long in() {
      return value.size(1);
    }

    @Override
    public long residentBytes() {
      return value.elements() * value.dtype().bytes();
    }
  }

  /// Frozen and packed; dequantized into the shared scratch each time it is used.
  record Quantized(QuantizedTensor value) implements Weight {
    @Override
    public long out() {
      return value.shape().dim(0);
    }

    @Override
    public long in() {
      return value.shape().dim(1);
    }

    @Override
    public long residentBytes() {
      return value.byteSize();
    }
  }

  /// Frozen and packed, and multiplied as integers with activations that are quantized too. Where
  /// the weight itself is needed, as for the gradient of its input, it is dequantized into the
  /// shared scratch.
  record IntegerProduct(QuantizedTensor value, IntegerLinear product) implements Weight {
    @Override
    public long out() {
      return value.shape().dim(0);
    }

    @Override
    public long in() {
      return value.shape().dim(1);
    }

    @Override
    public long residentBytes() {
      return value.byteSize();
    }
  }

  /// Rounded to a number format each time it is used, and trained or adapted.
  record FakeQuantized(FakeQuantization rounding) implements Weight {
    @Override
    public long out() {
      return rounding.shape().dim(0);
    }

    @Override
    public long in() {
      return rounding.shape().dim(1);
    }

    @Override
    public long residentBytes() {
      return out() * in() * DType.F32.bytes();
    }
  }

  /// Trained in full: float32 master, cast to the compute dtype each time it is used.
  record Trained(Parameter parameter) implements Weight {
    @Override
    public long out() {
      return parameter.value().size(0);
    }

    @Override
    public long in() {
      return parameter.value().size(1);
    }

    @Override
    public long residentBytes() {
      return out() * in() * DType.F32.bytes();
    }
  }
}
