package dev.fettle.doctor;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/// What the machine and this Java process have.
///
/// @param system operating system and processor architecture, such as `Linux amd64`
/// @param java the version of Java
/// @param cpuModel the processor's own name; empty where the system does not say
/// @param cpuFlags its features in the words of `/proc/cpuinfo`; empty where the system does not
///   say
/// @param processors those this process may use, container limits included
/// @param cores processors of the machine
/// @param vectorBits width of the vectors that kernels use; 0 for scalar loops
/// @param totalMemory bytes of the machine
/// @param usableMemory bytes that this process may use at most: the machine's, or a container's
///   limit
/// @param availableMemory bytes a process can take now without swapping
/// @param swapTotal bytes
/// @param maxHeap bytes
/// @param environment environment variables
/// @param cache where models from a hub are kept
/// @param temporary where native libraries are unpacked
public record Machine(
    String system,
    String java,
    String cpuModel,
    Set<String> cpuFlags,
    int processors,
    int cores,
    int vectorBits,
    long totalMemory,
    long usableMemory,
    long availableMemory,
    long swapTotal,
    long maxHeap,
    Map<String, String> environment,
    Path cache,
    Path temporary) {

  /// This one, as it is now.
  public static Machine here() {
    return MachineReader.read();
  }
}
