package dev.fettle.checkpoint.hub;

/// Hears how a download goes, from several threads but never from two at once. Whatever it throws
/// ends the download; the parts that are there stay.
public interface FetchListener {
  /// @param files that are to be downloaded
  /// @param bytes of them all, those of parts that are there already included
  void started(int files, long bytes);

  /// Bytes that an earlier run left, or, if negative, bytes that were thrown away.
  void kept(long bytes);

  /// Bytes that came from the network.
  void received(long bytes);

  /// A file has its name now.
  void finished(RepoFile file);

  /// Something worth a line, such as a second attempt.
  void note(String sentence);

  /// Called often, and to throw where the user wants to stop.
  void check();

  /// The same, one call at a time.
  static FetchListener synchronizedOn(FetchListener inner) {
    return new Synchronized(inner);
  }

  /// Lets one thread in.
  record Synchronized(FetchListener inner) implements FetchListener {
    @Override
    public synchronized void started(int files, long bytes) {
      inner.started(files, bytes);
    }

    @Override
    public synchronized void kept(long bytes) {
      inner.kept(bytes);
    }

    @Override
    public synchronized void received(long bytes) {
      inner.received(bytes);
    }

    @Override
    public synchronized void finished(RepoFile file) {
      inner.finished(file);
    }

    @Override
    public synchronized void note(String sentence) {
      inner.note(sentence);
    }

    @Override
    public void check() {
      inner.check();
    }
  }
}
