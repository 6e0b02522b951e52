package dev.fettle.quantize.bitsandbytes;

import dev.fettle.checkpoint.Checkpoint;
import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.QuantizedWeights;
import dev.fettle.tensor.Shape;
import dev.fettle.tensor.UserException;
import java.util.List;

/// The quantized weights of a folder that bitsandbytes wrote; none in a folder without them.
public final class BitsAndBytesWeights implements QuantizedWeights {
  private final Checkpoint checkpoint;

  public BitsAndBytesWeights(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
  }

  @Override
  public boolean isQuantized(String weightName) {
    return BitsAndBytesLayout.isQuantized(checkpoint, weightName);
  }

  @Override
  public QuantizedTensor read(String weightName, Shape demanded) {
    QuantizedTensor stored = BitsAndBytesLayout.read(checkpoint, weightName);
    if (!stored.shape().equals(demanded)) {
      throw new UserException(
          "Quantized tensor '%s' in %s has shape %s, but config.json demands %s."
              .formatted(weightName, checkpoint.path(), stored.shape(), demanded));
    }
    return stored;
  }

  @Override
  public List<String> parts(String weightName) {
    return BitsAndBytesLayout.parts(checkpoint, weightName);
  }
}
