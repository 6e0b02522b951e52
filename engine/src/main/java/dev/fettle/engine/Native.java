package dev.fettle.engine;

import dev.fettle.tensor.DType;
import dev.fettle.tensor.UserException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.EnumMap;
import java.util.Map;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Loads LibTorch once, with the settings it needs, and maps dtypes to it.
final class Native {
  private static final Map<DType, TensorOptions> OPTIONS = new EnumMap<>(DType.class);

  /// "Keep the input's dtype", for reductions.
  static final ScalarTypeOptional NO_DTYPE;

  static {
    ensureSettings();
    try {
      torch.set_num_threads(Runtime.getRuntime().availableProcessors());
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new UserException(
          "The native library LibTorch could not be loaded on "
              + System.getProperty("os.name")
              + " "
              + System.getProperty("os.arch")
              + " ("
              + e.getMessage()
              + "); it exists for linux-x86_64, macosx-arm64 and windows-x86_64.",
          e);
    }
    NO_DTYPE = new ScalarTypeOptional();
    for (DType dtype : DType.values()) {
      OPTIONS.put(dtype, new TensorOptions().dtype(new ScalarTypeOptional(scalarType(dtype))));
    }
  }

  private Native() {}

  /// Forces loading.
  static void load() {}

  static TensorOptions options(DType dtype) {
    TensorOptions options = OPTIONS.get(dtype);
    if (options == null) {
      throw new IllegalStateException("no tensor options for " + dtype);
    }
    return options;
  }

  static ScalarType scalarType(DType dtype) {
    return switch (dtype) {
      case F64 -> ScalarType.Double;
      case F32 -> ScalarType.Float;
      case F16 -> ScalarType.Half;
      case BF16 -> ScalarType.BFloat16;
      case F8_E4M3 -> ScalarType.Float8_e4m3fn;
      case F8_E5M2 -> ScalarType.Float8_e5m2;
      case I64 -> ScalarType.Long;
      case I32 -> ScalarType.Int;
      case I16 -> ScalarType.Short;
      case I8 -> ScalarType.Char;
      case U8 -> ScalarType.Byte;
      case U16 -> ScalarType.UInt16;
      case U32 -> ScalarType.UInt32;
      case U64 -> ScalarType.UInt64;
      case F8_E8M0 -> ScalarType.Float8_e8m0fnu;
      case C64 -> ScalarType.ComplexFloat;
      case BOOL -> ScalarType.Bool;
    };
  }

  static DType dtype(byte code) {
    for (DType dtype : DType.values()) {
      if (scalarType(dtype).value == code) {
        return dtype;
      }
    }
    throw new IllegalStateException("LibTorch scalar type " + code + " has no dtype here");
  }

  static Scalar scalar(double value) {
    return new Scalar(value);
  }

  /// glibc's `mallopt` parameters, of `malloc.h`.
  private static final int M_TRIM_THRESHOLD = -1;

  private static final int M_MMAP_THRESHOLD = -3;

  /// Blocks of this size and more are mapped one by one and given back when they are freed, so that
  /// memory is what is in use and can be planned. Left to itself glibc raises the limit to 32 MiB
  /// and keeps what lies between blocks still in use: a sixth more memory in a training step, for
  /// two percent less time.
  private static final int MAPPED_BYTES = 1 << 20;

  /// Small blocks that are free at the end of the heap and stay, so that it is not grown and cut
  /// again with each step.
  private static final int KEPT_BYTES = 1 << 24;

  /// Settings that must stand before the library is loaded: without a passive wait policy the
  /// thread pools of OpenMP and OpenBLAS spin against each other and small steps become twenty
  /// times slower; and memory is given back as soon as it is free.
  private static void ensureSettings() {
    if (System.getProperty("org.bytedeco.javacpp.maxPhysicalBytes") == null) {
      System.setProperty("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    }
    if (System.getProperty("org.bytedeco.javacpp.nopointergc") == null) {
      System.setProperty("org.bytedeco.javacpp.nopointergc", "true");
    }
    if (!System.getProperty("os.name").startsWith("Linux")) {
      return;
    }
    Linker linker = Linker.nativeLinker();
    try (Arena arena = Arena.ofConfined()) {
      if (System.getenv("OMP_WAIT_POLICY") == null) {
        MethodHandle setenv =
            linker.downcallHandle(
                linker.defaultLookup().findOrThrow("setenv"),
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_INT));
        MemorySegment name = arena.allocateFrom("OMP_WAIT_POLICY");
        int unused = (int) setenv.invokeExact(name, arena.allocateFrom("passive"), 1);
      }
    } catch (Throwable e) {
      throw new IllegalStateException("cannot set OMP_WAIT_POLICY; export it as 'passive'", e);
    }
    limitMalloc(linker);
  }

  /// Where the C library has no `mallopt`, as musl, nothing needs to be set.
  private static void limitMalloc(Linker linker) {
    linker
        .defaultLookup()
        .find("mallopt")
        .ifPresent(symbol -> {
          MethodHandle mallopt =
              linker.downcallHandle(
                  symbol,
                  FunctionDescriptor.of(
                      ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
          try {
            int mapped = (int) mallopt.invokeExact(M_MMAP_THRESHOLD, MAPPED_BYTES);
            int kept = (int) mallopt.invokeExact(M_TRIM_THRESHOLD, KEPT_BYTES);
            if (mapped == 0 || kept == 0) {
              System.getLogger(Native.class.getName())
                  .log(System.Logger.Level.DEBUG, "mallopt was refused; freed memory may stay");
            }
          } catch (Throwable e) {
            throw new IllegalStateException("mallopt failed", e);
          }
        });
  }
}
