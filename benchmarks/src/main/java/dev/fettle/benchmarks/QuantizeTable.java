package dev.fettle.benchmarks;

import dev.fettle.quantize.QuantizedTensor;
import dev.fettle.quantize.Quantizer;
import dev.fettle.quantize.Scheme;
import dev.fettle.quantize.TensorError;
import dev.fettle.tensor.Casts;
import dev.fettle.tensor.DType;
import dev.fettle.tensor.HostTensor;
import dev.fettle.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/// Every number format in one table: how fast weights go into it and come back, on all processors,
/// beside the memory bandwidth measured in the same run.
///
/// The weights are normally distributed bfloat16 matrices of TinyLlama's widest shape, more than
/// the caches hold, taken in turn. Results go to memory that is already there, so that the
/// operating system's zeroing of new pages is not measured. A figure is the median of the rounds;
/// `±` is half the distance of the quartiles, of the median. Before it is timed, every format's
/// error is checked.
///
/// On a busy machine, `cpu` as first argument counts the processor time of one thread instead of
/// the time on the clock; start Java with `-XX:ActiveProcessorCount=1` then, so that there is only
/// one.
///
/// Arguments: `cpu` or not, then the formats, or none for all.
public final class QuantizeTable {
  private static final int ROWS = 5632;
  private static final int COLUMNS = 2048;
  private static final int WEIGHTS = ROWS * COLUMNS;
  private static final int TENSORS = 8;
  private static final long WARM_UP_NANOS = 2_000_000_000L;
  private static final int ROUNDS = 15;

  /// All formats with the signal to noise that a right result has on normal weights, in dB, less a
  /// margin of about 1.
  private static final List<Format> FORMATS =
      List.of(
          new Format("nf4:group=64", 20),
          new Format("nf4:group=64:double", 20),
          new Format("fp4:group=64", 18),
          new Format("llm.int8", 39),
          new Format("int8:sym:channel", 39),
          new Format("int8:sym:group=128", 41),
          new Format("uint8:asym:tensor", 35),
          new Format("int8:sym:block=128x128", 36),
          new Format("int7:sym:group=128", 35),
          new Format("int6:sym:group=128", 29),
          new Format("int5:sym:group=128", 23),
          new Format("int4:sym:group=128", 17),
          new Format("int4:asym:group=32", 19),
          new Format("int3:sym:group=128", 9),
          new Format("int2:sym:group=128", 1),
          new Format("fp8_e4m3:channel", 30),
          new Format("fp8_e5m2:channel", 24),
          new Format("mxfp4", 17),
          new Format("nvfp4", 19),
          new Format("q8_0", 43),
          new Format("q4_0", 18),
          new Format("q4_1", 19),
          new Format("q5_0", 24),
          new Format("q5_1", 25),
          new Format("q4_k", 20),
          new Format("q5_k", 26),
          new Format("q6_k", 30));

  private record Format(String scheme, double leastSqnr) {}

  /// Seconds per round.
  private record Timing(double median, double spread) {
    double gigabytes(double bytes) {
      return bytes / median / 1e9;
    }
  }

  private interface Work {
    void run(int turn);
  }

  private final boolean cpu;
  private final HostTensor[] weights = new HostTensor[TENSORS];
  private final QuantizedTensor[] quantized = new QuantizedTensor[TENSORS];
  private final MemorySegment[] results = new MemorySegment[TENSORS];
  private final MemorySegment out;

  private QuantizeTable(Arena arena, boolean cpu) {
    if (cpu && Runtime.getRuntime().availableProcessors() != 1) {
      throw new IllegalArgumentException("cpu needs -XX:ActiveProcessorCount=1");
    }
    this.cpu = cpu;
    this.out = arena.allocate(2L * WEIGHTS, 64);
    float[] values = new float[WEIGHTS];
    Random random = new Random(1);
    for (int i = 0; i < WEIGHTS; i++) {
      values[i] = (float) (0.02 * random.nextGaussian());
    }
    for (int i = 0; i < TENSORS; i++) {
      MemorySegment data = arena.allocate(2L * WEIGHTS, 64);
      Casts.fromFloat(MemorySegment.ofArray(values), WEIGHTS, DType.BF16, data);
      weights[i] = new HostTensor(DType.BF16, Shape.of(ROWS, COLUMNS), data);
      results[i] = arena.allocate(WEIGHTS + WEIGHTS / 2, 64);
    }
  }

  /// Prints the table to standard output.
  public static void main(String[] args) {
    boolean cpu = args.length > 0 && args[0].equals("cpu");
    List<String> wanted = Arrays.asList(args).subList(cpu ? 1 : 0, args.length);
    try (Arena arena = Arena.ofShared()) {
      QuantizeTable table = new QuantizeTable(arena, cpu);
      System.out.printf(
          Locale.ROOT,
          "%s, %d processors, %s, Java %s; %d tensors of %d x %d bfloat16 in turn, %d rounds%n%n",
          System.getProperty("os.arch"),
          Runtime.getRuntime().availableProcessors(),
          cpu ? "processor time" : "time on the clock",
          Runtime.version(),
          TENSORS,
          ROWS,
          COLUMNS,
          ROUNDS);
      double copy = table.bandwidth();
      System.out.printf(
          Locale.ROOT,
          "%-24s %6s %6s | %8s %7s %6s %5s | %8s %7s %6s %5s%n",
          "format",
          "bits/w",
          "dB",
          "quantize",
          "GB/s",
          "share",
          "±",
          "dequant.",
          "GB/s",
          "share",
          "±");
      for (Format format : FORMATS) {
        if (wanted.isEmpty() || wanted.contains(format.scheme())) {
          table.measure(format, copy);
        }
      }
    }
  }

  /// Prints what memory gives to both processors, and returns the rate of a copy.
  private double bandwidth() {
    double bytes = 2.0 * WEIGHTS;
    Timing read = time(turn -> MemoryTraffic.read(weights[turn].data()));
    Timing write = time(turn -> MemoryTraffic.write(weights[turn].data(), results[turn]));
    Timing copy = time(turn -> MemoryTraffic.copy(weights[turn].data(), out));
    double rate = copy.gigabytes(2 * bytes);
    System.out.printf(
        Locale.ROOT,
        "memory: read %.1f GB/s, write %.1f GB/s, copy %.1f GB/s (read and write together)%n%n",
        read.gigabytes(bytes),
        write.gigabytes(results[0].byteSize()),
        rate);
    return rate;
  }

  private void measure(Format format, double copy) {
    Scheme scheme = Scheme.parse(format.scheme());
    quantize(0, scheme);
    TensorError error = TensorError.of(weights[0], quantized[0]);
    if (!(error.sqnrDb() > format.leastSqnr())) {
      throw new IllegalStateException(format + " has " + error);
    }
    Timing in = time(turn -> quantize(turn, scheme));
    Timing back = time(turn -> quantized[turn].dequantize(DType.BF16, out));
    double bytes = 2.0 * WEIGHTS + quantized[0].byteSize();
    System.out.printf(
        Locale.ROOT,
        "%-24s %6.3f %6.1f | %8.2f %7.1f %5.0f%% %4.0f%% | %8.2f %7.1f %5.0f%% %4.0f%%%n",
        format.scheme(),
        8.0 * quantized[0].byteSize() / WEIGHTS,
        error.sqnrDb(),
        WEIGHTS / in.median() / 1e9,
        in.gigabytes(bytes),
        100 * in.gigabytes(bytes) / copy,
        100 * in.spread(),
        WEIGHTS / back.median() / 1e9,
        back.gigabytes(bytes),
        100 * back.gigabytes(bytes) / copy,
        100 * back.spread());
  }

  private void quantize(int turn, Scheme scheme) {
    SegmentAllocator there = SegmentAllocator.slicingAllocator(results[turn]);
    quantized[turn] = Quantizer.quantize("weight", weights[turn], scheme, there);
  }

  private Timing time(Work work) {
    int turn = 0;
    for (long begin = System.nanoTime(); System.nanoTime() - begin < WARM_UP_NANOS; ) {
      work.run(turn++ % TENSORS);
    }
    while (turn % TENSORS != 0) { // all of them exist
      work.run(turn++ % TENSORS);
    }
    double[] seconds = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      long start = nanos();
      work.run(turn++ % TENSORS);
      seconds[i] = (nanos() - start) / 1e9;
    }
    Arrays.sort(seconds);
    double median = seconds[ROUNDS / 2];
    double quartiles = seconds[ROUNDS * 3 / 4] - seconds[ROUNDS / 4];
    return new Timing(median, quartiles / 2 / median);
  }

  private long nanos() {
    return cpu ? ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() : System.nanoTime();
  }
}
