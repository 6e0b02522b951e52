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
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Weights per nanosecond (10^9 per second) through each number format, on all processors. The
/// sixteen weights of TinyLlama's widest shape (370 MB in bfloat16) are taken in turn, so that they
/// come from memory and not from a cache, as they do in training.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 2,
    jvmArgsPrepend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"})
public class QuantizeBenchmark {
  private static final int ROWS = 5632;
  private static final int COLUMNS = 2048;
  private static final int WEIGHTS = ROWS * COLUMNS;
  private static final int TENSORS = 16;

  /// Signal to noise that a right result has on normally distributed weights, in dB: NF4 about 20.7
  /// with groups of 64, int8 about 41.
  private static final double LEAST_SQNR_DB = 20;

  @Param({"nf4:group=64", "nf4:group=64:double", "llm.int8"})
  public String format = "";

  private final Arena arena = Arena.ofShared();
  private final HostTensor[] weights = new HostTensor[TENSORS];
  private final QuantizedTensor[] quantized = new QuantizedTensor[TENSORS];
  private final MemorySegment out = arena.allocate(2L * WEIGHTS, 64);
  private Scheme scheme = new Scheme.LlmInt8();
  private int next;

  @Setup(Level.Trial)
  public void prepare() {
    scheme = Scheme.parse(format);
    float[] values = new float[WEIGHTS];
    Random random = new Random(1);
    for (int i = 0; i < WEIGHTS; i++) {
      values[i] = (float) (0.02 * random.nextGaussian());
    }
    for (int i = 0; i < TENSORS; i++) {
      MemorySegment data = arena.allocate(2L * WEIGHTS, 64);
      Casts.fromFloat(MemorySegment.ofArray(values), WEIGHTS, DType.BF16, data);
      weights[i] = new HostTensor(DType.BF16, Shape.of(ROWS, COLUMNS), data);
      quantized[i] = Quantizer.quantize("weight", weights[i], scheme, arena);
      TensorError error = TensorError.of(weights[i], quantized[i]);
      if (!(error.sqnrDb() > LEAST_SQNR_DB)) {
        throw new IllegalStateException(format + " has " + error);
      }
    }
  }

  @TearDown(Level.Trial)
  public void close() {
    arena.close();
  }

  private int turn() {
    next = (next + 1) % TENSORS;
    return next;
  }

  @Benchmark
  @OperationsPerInvocation(WEIGHTS)
  public MemorySegment dequantizeToBf16() {
    quantized[turn()].dequantize(DType.BF16, out);
    return out;
  }

  @Benchmark
  @OperationsPerInvocation(WEIGHTS)
  public QuantizedTensor quantizeFromBf16() {
    try (Arena results = Arena.ofShared()) {
      return Quantizer.quantize("weight", weights[turn()], scheme, results);
    }
  }

  @Benchmark
  @OperationsPerInvocation(WEIGHTS)
  public TensorError error() {
    int i = turn();
    return TensorError.of(weights[i], quantized[i]);
  }
}
