package dev.fettle.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ParallelTest {
  @ParameterizedTest
  @CsvSource({"0,1", "1,1", "10,3", "1000,7", "1000,1000", "1000,100000"})
  void visitsEveryNumberOnce(int count, long grain) {
    AtomicIntegerArray visits = new AtomicIntegerArray(count);
    Parallel.forRange(
        count,
        grain,
        (from, to) -> {
          assertThat(from % grain).isZero();
          for (long i = from; i < to; i++) {
            visits.incrementAndGet((int) i);
          }
        });
    for (int i = 0; i < count; i++) {
      assertThat(visits.get(i)).as("number %d", i).isEqualTo(1);
    }
  }

  @Test
  void nestedCallsFinish() {
    AtomicLong sum = new AtomicLong();
    Parallel.forRange(
        50, 1, (from, to) -> Parallel.forRange(50, 1, (a, b) -> sum.addAndGet(from * 50 + a)));
    assertThat(sum.get()).isEqualTo(2500L * 2499 / 2);
  }

  @Test
  void passesAFailureOn() {
    assertThatThrownBy(() ->
            Parallel.forRange(
                100,
                1,
                (from, to) -> {
                  if (from == 42) {
                    throw new UserException("part 42");
                  }
                }))
        .isInstanceOf(UserException.class)
        .hasMessage("part 42");
  }

  @Test
  void castsAlsoTakeMemoryOfOneThread() {
    int count = 1 << 20;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment floats = arena.allocate(4L * count);
      floats.setAtIndex(HostTensor.F32_LAYOUT, count - 1, 2);
      MemorySegment halves = arena.allocate(2L * count);
      Casts.fromFloat(floats, count, DType.F16, halves);
      assertThat(halves.get(HostTensor.I16_LAYOUT, 2L * (count - 1))).isEqualTo((short) 0x4000);
    }
  }
}
