package dev.fettle.quantize;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.checkpoint.SafetensorsFile;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Bytes and numbers of bitsandbytes, compressed-tensors and PyTorch from the same weights; the
/// file is written by `tools/golden/make_float_codes.py`.
class FloatCodesGoldenTest {
  private final SafetensorsFile golden = open();

  @Test
  void fp4() {
    CodebookTensor fp4 = (CodebookTensor) quantize("fp4", "fp4:group=64");
    assertSame(fp4.packed(), "fp4.weight");
    assertSame(((Absmax.Plain) fp4.absmax()).values(), "fp4.absmax");
    assertDequantized(fp4, "fp4");
  }

  @ParameterizedTest
  @CsvSource({
    "fp8_tensor,fp8_e4m3:tensor",
    "fp8_channel,fp8_e4m3:channel",
    "fp8_group,fp8_e4m3:group=32",
    "fp8_e5m2,fp8_e5m2:channel"
  })
  void float8(String name, String scheme) {
    Float8Tensor float8 = (Float8Tensor) quantize(name, scheme);
    assertSame(float8.scales().data(), name + ".weight_scale");
    assertSame(float8.codes(), name + ".weight");
    assertDequantized(float8, name);
  }

  @Test
  void mxfp4() {
    Mxfp4Tensor mxfp4 = (Mxfp4Tensor) quantize("mxfp4", "mxfp4");
    assertSame(mxfp4.exponents(), "mxfp4.weight_scale");
    assertSame(mxfp4.packed(), "mxfp4.weight_packed");
    assertDequantized(mxfp4, "mxfp4");
  }

  @Test
  void nvfp4() {
    Nvfp4Tensor nvfp4 = (Nvfp4Tensor) quantize("nvfp4", "nvfp4");
    assertThat(nvfp4.globalScale())
        .isEqualTo(golden.tensor("nvfp4.weight_global_scale").toFloats()[0]);
    assertSame(nvfp4.scales(), "nvfp4.weight_scale");
    assertSame(nvfp4.packed(), "nvfp4.weight_packed");
    assertDequantized(nvfp4, "nvfp4");
  }

  private QuantizedTensor quantize(String name, String scheme) {
    return Quantizer.quantize(golden.tensor("input." + name), Scheme.parse(scheme));
  }

  private void assertDequantized(QuantizedTensor tensor, String name) {
    HostTensor expected = golden.tensor("dequantized." + name);
    MemorySegment out = Arena.ofAuto().allocate(expected.byteSize());
    tensor.dequantize(DType.F32, out);
    assertSame(out, "dequantized." + name);
  }

  private void assertSame(MemorySegment actual, String name) {
    long at = actual.mismatch(golden.tensor(name).data());
    assertThat(at).as("first differing byte of %s", name).isEqualTo(-1);
  }

  private static SafetensorsFile open() {
    URL resource =
        Objects.requireNonNull(
            FloatCodesGoldenTest.class.getResource("/golden/float-codes.safetensors"));
    try {
      return SafetensorsFile.open(Path.of(resource.toURI()));
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  @AfterEach
  void close() {
    golden.close();
  }
}
