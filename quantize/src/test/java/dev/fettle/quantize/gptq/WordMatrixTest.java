package dev.fettle.quantize.gptq;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fettle.tensor.HostTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WordMatrixTest {
  @ParameterizedTest
  @CsvSource({"1,1,0", "16,16,0", "17,3,0", "5,33,-2139062144", "40,100,0"})
  void everyWordFindsItsPlace(int rows, int columns, int flip) {
    MemorySegment in = Arena.ofAuto().allocate(4L * rows * columns, 4);
    MemorySegment out = Arena.ofAuto().allocate(4L * rows * columns, 4);
    Random random = new Random(1);
    for (int i = 0; i < rows * columns; i++) {
      in.setAtIndex(HostTensor.I32_LAYOUT, i, random.nextInt());
    }
    WordMatrix.transpose(in, rows, columns, flip, out);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        int word = in.getAtIndex(HostTensor.I32_LAYOUT, row * columns + column);
        assertThat(out.getAtIndex(HostTensor.I32_LAYOUT, column * rows + row))
            .isEqualTo(word ^ flip);
      }
    }
  }
}
