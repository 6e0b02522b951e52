package dev.fettle.quantize.awq;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.quantize.kernel.ScalarAffineKernels;
import dev.fettle.tensor.HostTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NibbleMatrixTest {
  private static final int[] OUTPUT_OF_LANE = {0, 2, 4, 6, 1, 3, 5, 7};

  @ParameterizedTest
  @CsvSource({"8,8", "16,24", "40,136", "64,256"})
  void everyCodeFindsItsPlaceAndComesBack(int inputs, int outputs) {
    long bytes = (long) inputs * outputs / 2;
    MemorySegment words = Arena.ofAuto().allocate(bytes, 64);
    Random random = new Random(2);
    for (long i = 0; i < bytes; i++) {
      words.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
    }
    MemorySegment rows = Arena.ofAuto().allocate(bytes, 64);
    NibbleMatrix.toRows(words, inputs, outputs, rows);
    for (int input = 0; input < inputs; input++) {
      for (int output = 0; output < outputs; output++) {
        long at = 4L * (input * (outputs / 8) + output / 8);
        int word = words.get(HostTensor.I32_LAYOUT, at);
        int lane = 0;
        while (OUTPUT_OF_LANE[lane] != output % 8) {
          lane++;
        }
        MemorySegment row = rows.asSlice((long) output * inputs / 2, inputs / 2);
        assertThat(ScalarAffineKernels.read(row, 4, input)).isEqualTo(word >>> (4 * lane) & 0xF);
      }
    }
    MemorySegment back = Arena.ofAuto().allocate(bytes, 64);
    NibbleMatrix.toWords(rows, inputs, outputs, back);
    assertThat(back.mismatch(words)).isEqualTo(-1);
  }
}
