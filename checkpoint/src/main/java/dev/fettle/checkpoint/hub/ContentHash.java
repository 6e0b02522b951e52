package dev.fettle.checkpoint.hub;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/// What the bytes of a file have to be: their SHA-256, or the name git gives them, which is the
/// SHA-1 of `blob`, a space, the size in digits, a zero byte and the content.
sealed interface ContentHash {
  /// Nothing but the size is known.
  record None() implements ContentHash {}

  record Sha256(String hex) implements ContentHash {}

  /// @param size bytes of the content, part of what is hashed
  record GitSha1(String hex, long size) implements ContentHash {}

  static ContentHash of(RepoFile file) {
    if (file.sha256() != null) {
      return new Sha256(file.sha256());
    }
    return file.gitSha1() != null && file.size() >= 0
        ? new GitSha1(file.gitSha1(), file.size())
        : new None();
  }

  /// `sha256` or `git sha1`.
  default String kind() {
    return switch (this) {
      case None _ -> "";
      case Sha256 _ -> "sha256";
      case GitSha1 _ -> "git sha1";
    };
  }

  /// The hexadecimal digits that are expected; empty if nothing is known.
  default String expected() {
    return switch (this) {
      case None _ -> "";
      case Sha256 sha -> sha.hex();
      case GitSha1 sha -> sha.hex();
    };
  }

  /// A digest into which the content goes, and nothing else any more.
  default MessageDigest start() {
    return switch (this) {
      case None _ -> digest("SHA-256");
      case Sha256 _ -> digest("SHA-256");
      case GitSha1 sha -> {
        MessageDigest digest = digest("SHA-1");
        digest.update(("blob " + sha.size() + "\0").getBytes(StandardCharsets.US_ASCII));
        yield digest;
      }
    };
  }

  /// Whether a digest that was started here has seen the right content.
  ///
  /// @param found its value in hexadecimal digits
  default boolean accepts(String found) {
    return expected().isEmpty() || expected().equals(found);
  }

  static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest digest(String name) {
    try {
      return MessageDigest.getInstance(name);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has " + name, e);
    }
  }
}
