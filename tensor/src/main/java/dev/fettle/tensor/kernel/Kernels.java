package dev.fettle.tensor.kernel;

import java.lang.System.Logger.Level;
import java.util.function.Supplier;

/// Chooses between scalar and vector kernels, once per program.
public final class Kernels {
  private static final String MODULE = "jdk.incubator.vector";

  private Kernels() {}

  private static final class Holder {
    static final boolean VECTOR = detect();
    static final CastKernels CASTS =
        select(() -> new VectorCastKernels(), () -> new ScalarCastKernels());

    private static boolean detect() {
      System.Logger logger = System.getLogger(Kernels.class.getName());
      if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
        logger.log(
            Level.WARNING,
            "Running without vector instructions; start Java with --add-modules " + MODULE + ".");
        return false;
      }
      int bits = VectorSupport.preferredBits();
      if (bits < VectorSupport.REQUIRED_BITS) {
        logger.log(
            Level.WARNING,
            "Vector kernels need {0}-bit vectors, this processor offers {1}; using scalar loops.",
            VectorSupport.REQUIRED_BITS,
            bits);
        return false;
      }
      return true;
    }
  }

  /// Whether vector kernels are in use.
  public static boolean vectorized() {
    return Holder.VECTOR;
  }

  /// The vector twin where the processor and the command line allow it, else the scalar one. Pass
  /// lambdas, not constructor references, so that the vector class is not even loaded otherwise.
  public static <T> T select(Supplier<? extends T> vector, Supplier<? extends T> scalar) {
    return Holder.VECTOR ? vector.get() : scalar.get();
  }

  public static CastKernels casts() {
    return Holder.CASTS;
  }
}
