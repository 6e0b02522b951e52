package dev.fettle.doctor;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/// Whether the two native libraries load.
///
/// @param engine loads LibTorch and describes it
/// @param tokenizers loads the tokenizers library and describes it
record NativeLibraryCheck(Supplier<String> engine, Supplier<String> tokenizers)
    implements MachineCheck {
  @Override
  public String id() {
    return "native-library";
  }

  @Override
  public List<Finding> examine(Machine machine) {
    List<Finding> findings = new ArrayList<>();
    findings.add(
        load(
            engine,
            "without it nothing is computed: run on linux-x86_64, macosx-arm64 or windows-x86_64,"
                + " with "
                + machine.temporary()
                + " or ~/.javacpp writable and allowed to execute"
                + " (-Dorg.bytedeco.javacpp.cachedir=FOLDER names another place)"));
    findings.add(
        load(
            tokenizers,
            "without it no text is read: make "
                + machine.temporary()
                + " writable and allowed to execute, or name another folder with"
                + " FETTLE_JAVA_OPTS=-Djava.io.tmpdir=FOLDER"));
    return findings;
  }

  private Finding load(Supplier<String> library, String fix) {
    Attempt<String> loaded = Attempt.of(library);
    String failure = loaded.failure();
    return failure == null
        ? Finding.ok(id(), loaded.value() + "")
        : Finding.error(id(), failure, fix);
  }
}
