package dev.fettle.checkpoint.hub;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `--local-dir`: plain files in a folder of the user's, and below its
/// `.cache/huggingface/download` what `huggingface_hub` keeps there too: of each file the commit,
/// the name of its content and the time when both were right.
///
/// @param root the folder
/// @param cached a snapshot of the same commit, from which files are copied rather than downloaded
record FolderDestination(Path root, String commit, Path cached) implements Destination {
  /// Clocks of file systems are this coarse.
  private static final double CLOCK_SECONDS = 1;

  private static final int MOST_METADATA = 4096;

  @Override
  public Path folder() {
    return root;
  }

  @Override
  public boolean has(RepoFile file) {
    Path path = path(file);
    if (!Destination.hasSize(path, file.size())) {
      return false;
    }
    @Nullable Metadata metadata = readMetadata(file);
    String etag = file.etag();
    if (metadata != null && metadata.after(path)) {
      return metadata.commit.equals(commit) || metadata.etag.equals(etag);
    }
    ContentHash hash = ContentHash.of(file);
    return !hash.expected().isEmpty() && hash.accepts(hashOf(path, hash));
  }

  @Override
  public Place place(RepoFile file, String etag) {
    if (file.path().startsWith(".cache/huggingface/")) {
      throw new UserException(
          "Cannot write '%s' into %s, which keeps its own notes there; leave it out with --exclude."
              .formatted(file.path(), root));
    }
    Path metadata = metadataPath(file);
    String name = metadata.getFileName().toString();
    String lock = name.substring(0, name.length() - ".metadata".length()) + ".lock";
    return new Place(
        metadata.resolveSibling(lock),
        metadata.resolveSibling(shortHash(name) + "." + etag + ".incomplete"),
        path(file));
  }

  @Override
  public boolean adopt(RepoFile file, String etag) {
    Path source = cached.resolve(file.path());
    if (!Destination.hasSize(source, file.size())) {
      return false;
    }
    AtomicFiles.write(
        path(file),
        temporary -> Files.copy(source, temporary, StandardCopyOption.REPLACE_EXISTING));
    finished(file, etag);
    return true;
  }

  @Override
  public void finished(RepoFile file, String etag) {
    double seconds = System.currentTimeMillis() / 1000.0;
    AtomicFiles.writeString(metadataPath(file), commit + "\n" + etag + "\n" + seconds + "\n");
  }

  @Override
  public void finished(boolean downloaded) {
    Path ignore = root.resolve(".cache").resolve("huggingface").resolve(".gitignore");
    if (downloaded && !Files.exists(ignore)) {
      AtomicFiles.writeString(ignore, "*");
    }
  }

  private Path path(RepoFile file) {
    try {
      return RepoPath.below(root, file.path());
    } catch (IOException e) {
      throw PartFile.cannotWrite(root.resolve(file.path()), e);
    }
  }

  private Path metadataPath(RepoFile file) {
    try {
      return RepoPath.below(root, ".cache/huggingface/download/" + file.path() + ".metadata");
    } catch (IOException e) {
      throw PartFile.cannotWrite(root, e);
    }
  }

  private record Metadata(String commit, String etag, double seconds) {
    /// Whether the file was not changed since.
    boolean after(Path file) {
      try {
        double changed = Files.getLastModifiedTime(file).toMillis() / 1000.0;
        return changed - CLOCK_SECONDS <= seconds;
      } catch (IOException e) {
        return false;
      }
    }
  }

  /// Null where there is none that can be understood.
  private @Nullable Metadata readMetadata(RepoFile file) {
    Path path = metadataPath(file);
    try {
      if (!Files.isRegularFile(path) || Files.size(path) > MOST_METADATA) {
        return null;
      }
      List<String> lines = Files.readAllLines(path);
      return lines.size() < 3
          ? null
          : new Metadata(
              lines.get(0).strip(), lines.get(1).strip(), Double.parseDouble(lines.get(2).strip()));
    } catch (IOException | NumberFormatException e) {
      return null;
    }
  }

  private static String hashOf(Path path, ContentHash hash) {
    MessageDigest digest = hash.start();
    try (InputStream in = Files.newInputStream(path)) {
      byte[] buffer = new byte[1 << 20];
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        digest.update(buffer, 0, n);
      }
    } catch (IOException e) {
      throw new UserException("Cannot read " + path + ".", e);
    }
    return ContentHash.hex(digest);
  }

  private static String shortHash(String name) {
    try {
      byte[] sha1 =
          MessageDigest.getInstance("SHA-1").digest(name.getBytes(StandardCharsets.UTF_8));
      return Base64.getUrlEncoder().encodeToString(sha1);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-1", e);
    }
  }
}
