package dev.fettle.checkpoint.hub;

import dev.fettle.checkpoint.AtomicFiles;
import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;

/// One repository in the cache that `huggingface_hub` keeps:
///
/// ```
/// models--org--model/blobs/ETAG                contents, named by their hash
/// models--org--model/refs/main                 the commit that `main` was when it was fetched
/// models--org--model/snapshots/COMMIT/path     symbolic links to blobs, or files
/// models--org--model/.no_exist/COMMIT/path     names that the commit does not have
/// .locks/models--org--model/ETAG.lock
/// ```
///
/// @param cache the folder of all repositories
/// @param repository the folder of this one
public record HubCache(Path cache, Path repository) {
  private static final String TAG =
      "Signature: 8a477f597d28d172789f06886806bc55\n"
          + "# Downloaded models; backups can leave this folder out.\n";

  static HubCache of(HubEnvironment environment, ModelName model) {
    return new HubCache(environment.cache(), model.folder(environment.cache()));
  }

  /// The folder with the model's files as far as they were fetched; empty if none was.
  public static Optional<Path> find(HubEnvironment environment, ModelName model) {
    HubCache cache = of(environment, model);
    return cache.commit(model.revisionOrMain()).map(cache::snapshot).filter(Files::isDirectory);
  }

  Path snapshot(String commit) {
    return repository.resolve("snapshots").resolve(commit);
  }

  Path blob(String etag) {
    return repository.resolve("blobs").resolve(etag);
  }

  Path part(String etag) {
    return repository.resolve("blobs").resolve(etag + ".incomplete");
  }

  Path lock(String etag) {
    return cache.resolve(".locks").resolve(repository.getFileName()).resolve(etag + ".lock");
  }

  /// What a revision was when it was fetched last.
  Optional<String> commit(String revision) {
    if (RepoListing.SHA1.matcher(revision).matches()) {
      return Optional.of(revision);
    }
    Path ref = repository.resolve("refs").resolve(revision);
    if (!Files.isRegularFile(ref)) {
      return Optional.empty();
    }
    try {
      String commit = Files.size(ref) > 100 ? "" : Files.readString(ref).strip();
      return Optional.of(commit).filter(text -> RepoListing.SHA1.matcher(text).matches());
    } catch (IOException e) {
      throw new UserException("Cannot read " + ref + ".", e);
    }
  }

  void writeRef(String revision, String commit) {
    if (!revision.equals(commit) && !commit(revision).equals(Optional.of(commit))) {
      AtomicFiles.writeString(repository.resolve("refs").resolve(revision), commit);
    }
  }

  /// Remembers that a commit does not have a file, so that nobody asks again.
  void writeNoExist(String commit, String path) {
    Path mark = repository.resolve(".no_exist").resolve(commit).resolve(path);
    if (!Files.exists(mark)) {
      AtomicFiles.writeString(mark, "");
    }
  }

  /// Marks the whole cache as something that backups may leave out.
  void writeTag() {
    Path tag = cache.resolve("CACHEDIR.TAG");
    if (!Files.exists(tag)) {
      AtomicFiles.writeString(tag, TAG);
    }
  }

  /// Lets the snapshot have a blob under its path: with a symbolic link; where there are none, a
  /// new blob is moved there and an old one copied.
  void link(String etag, String commit, String path, boolean isNew, boolean symlinks) {
    Path blob = blob(etag);
    Path snapshot = snapshot(commit);
    try {
      Path pointer = RepoPath.below(snapshot, path);
      Path parent = Objects.requireNonNull(pointer.getParent());
      Files.createDirectories(parent);
      if (symlinks && trySymlink(pointer, parent.relativize(blob))) {
        return;
      }
      Path temporary = sibling(pointer);
      try {
        if (isNew) {
          Files.move(blob, pointer, StandardCopyOption.REPLACE_EXISTING);
        } else {
          Files.copy(blob, temporary);
          Files.move(temporary, pointer, StandardCopyOption.REPLACE_EXISTING);
        }
      } finally {
        Files.deleteIfExists(temporary);
      }
    } catch (IOException e) {
      throw PartFile.cannotWrite(snapshot.resolve(path), e);
    }
  }

  private static Path sibling(Path pointer) {
    String random = UUID.randomUUID().toString().substring(0, 8);
    return pointer.resolveSibling("." + random + ".tmp");
  }

  private static boolean trySymlink(Path pointer, Path target) throws IOException {
    Path temporary = sibling(pointer);
    try {
      if (Files.isSymbolicLink(pointer) && Files.readSymbolicLink(pointer).equals(target)) {
        return true;
      }
      Files.createSymbolicLink(temporary, target);
    } catch (UnsupportedOperationException | FileAlreadyExistsException e) {
      return false;
    } catch (IOException e) {
      return false; // a file system, or a user on Windows, without symbolic links
    }
    try {
      Files.move(
          temporary, pointer, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return true;
    } finally {
      if (Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
        Files.delete(temporary);
      }
    }
  }
}
