package dev.fettle.cli;

import picocli.CommandLine.IVersionProvider;

/// What `fettle --version` prints: Fettle's version and that of the Java it runs on.
final class Version implements IVersionProvider {
  /// The version in the manifest of the jar, or `development` when run from class files.
  static String number() {
    String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }

  @Override
  public String[] getVersion() {
    return new String[] {
      "fettle " + number() + " (Java " + Runtime.version() + ", " + platform() + ")"
    };
  }

  static String platform() {
    return System.getProperty("os.name") + " " + System.getProperty("os.arch");
  }
}
