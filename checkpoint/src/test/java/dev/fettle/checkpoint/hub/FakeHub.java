package dev.fettle.checkpoint.hub;

import dev.fettle.checkpoint.Json;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A hub on a socket of this machine with one repository. It behaves, except where a test says what
/// goes over the wire instead.
final class FakeHub implements AutoCloseable {
  static final String MODEL = "acme/tiny";
  static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  record Request(String method, String path, Map<String, String> headers) {
    String header(String name) {
      return headers.getOrDefault(name.toLowerCase(Locale.ROOT), "");
    }

    boolean isGetOf(String file) {
      return method.equals("GET") && path.endsWith("/" + file);
    }
  }

  /// Writes a whole answer, or a part of one; the connection is closed then.
  @FunctionalInterface
  interface Answer {
    void write(Request request, OutputStream out) throws IOException;
  }

  private record Rule(Predicate<Request> when, Answer answer) {}

  private record Entry(byte[] content, boolean large) {}

  private final ServerSocket socket;
  private final Map<String, Entry> files = new LinkedHashMap<>();
  private final ConcurrentLinkedDeque<Rule> once = new ConcurrentLinkedDeque<>();
  private final List<Rule> always = new CopyOnWriteArrayList<>();
  private final List<Request> requests = new CopyOnWriteArrayList<>();

  FakeHub() {
    try {
      socket = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    Thread.ofVirtual().start(this::serve);
  }

  URI endpoint() {
    return URI.create("http://127.0.0.1:" + socket.getLocalPort());
  }

  FakeHub with(String path, byte[] content) {
    files.put(path, new Entry(content, false));
    return this;
  }

  FakeHub withLarge(String path, byte[] content) {
    files.put(path, new Entry(content, true));
    return this;
  }

  /// The next request of this kind is answered so, once.
  FakeHub once(Predicate<Request> when, Answer answer) {
    once.add(new Rule(when, answer));
    return this;
  }

  FakeHub always(Predicate<Request> when, Answer answer) {
    always.add(new Rule(when, answer));
    return this;
  }

  List<Request> requests() {
    return requests;
  }

  List<Request> gets(String file) {
    return requests.stream().filter(request -> request.isGetOf(file)).toList();
  }

  private void serve() {
    while (!socket.isClosed()) {
      try {
        Socket connection = socket.accept();
        Thread.ofVirtual().start(() -> answer(connection));
      } catch (IOException e) {
        return; // closed
      }
    }
  }

  private void answer(Socket connection) {
    try (connection;
        InputStream in = new BufferedInputStream(connection.getInputStream());
        OutputStream out = connection.getOutputStream()) {
      Request request = read(in);
      requests.add(request);
      rule(request).write(request, out);
      out.flush();
    } catch (IOException e) {
      // the client hung up, which some tests make it do
    }
  }

  private Answer rule(Request request) {
    for (Rule rule : once) {
      if (rule.when.test(request) && once.remove(rule)) {
        return rule.answer;
      }
    }
    for (Rule rule : always) {
      if (rule.when.test(request)) {
        return rule.answer;
      }
    }
    return this::well;
  }

  private static Request read(InputStream in) throws IOException {
    String[] first = line(in).split(" ", -1);
    Map<String, String> headers = new LinkedHashMap<>();
    for (String line = line(in); !line.isEmpty(); line = line(in)) {
      int colon = line.indexOf(':');
      headers.put(
          line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
    }
    return new Request(first[0], first.length > 1 ? first[1] : "", headers);
  }

  private static String line(InputStream in) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
      if (c != '\r') {
        line.write(c);
      }
    }
    return line.toString(StandardCharsets.ISO_8859_1);
  }

  /// As a hub answers.
  void well(Request request, OutputStream out) throws IOException {
    String path = request.path.replaceFirst("\\?.*", "");
    if (path.startsWith("/api/models/" + MODEL + "/revision/")) {
      send(out, request, 200, Json.compact(listing()).getBytes(StandardCharsets.UTF_8));
      return;
    }
    String prefix = "/" + MODEL + "/resolve/" + COMMIT + "/";
    String name =
        path.startsWith(prefix)
            ? URLDecoder.decode(path.substring(prefix.length()), StandardCharsets.UTF_8)
            : "";
    Entry entry = files.get(name);
    if (entry == null) {
      send(out, request, 404, new byte[0], "X-Error-Code: RepoNotFound");
      return;
    }
    content(out, request, entry.content, "\"" + etag(name) + "\"");
  }

  /// A file as servers send it: with ranges.
  static void content(OutputStream out, Request request, byte[] content, String etag)
      throws IOException {
    String range = request.header("Range");
    String validator = request.header("If-Range");
    if (range.isEmpty() || !(validator.isEmpty() || validator.equals(etag))) {
      send(out, request, 200, content, "ETag: " + etag, "X-Repo-Commit: " + COMMIT);
      return;
    }
    int start = Integer.parseInt(range.substring("bytes=".length(), range.length() - 1));
    send(
        out,
        request,
        206,
        Arrays.copyOfRange(content, start, content.length),
        "ETag: " + etag,
        "Content-Range: bytes %d-%d/%d".formatted(start, content.length - 1, content.length));
  }

  String etag(String path) {
    RepoFile file = repoFile(path);
    return file.sha256() == null ? String.valueOf(file.gitSha1()) : file.sha256();
  }

  RepoFile repoFile(String path) {
    Entry entry = files.get(path);
    if (entry == null) {
      throw new IllegalArgumentException(path);
    }
    long size = entry.content.length;
    return new RepoFile(
        path,
        size,
        hash(new ContentHash.GitSha1("", size), entry.content),
        entry.large ? hash(new ContentHash.Sha256(""), entry.content) : null);
  }

  private static String hash(ContentHash hash, byte[] content) {
    java.security.MessageDigest digest = hash.start();
    digest.update(content);
    return ContentHash.hex(digest);
  }

  ObjectNode listing() {
    ObjectNode root = Json.object().put("id", MODEL).put("sha", COMMIT);
    ArrayNode siblings = root.putArray("siblings");
    for (String path : files.keySet()) {
      RepoFile file = repoFile(path);
      ObjectNode sibling = siblings.addObject();
      sibling.put("rfilename", path).put("size", file.size()).put("blobId", file.gitSha1());
      if (file.sha256() != null) {
        sibling.putObject("lfs").put("sha256", file.sha256()).put("size", file.size());
      }
    }
    return root;
  }

  static void send(OutputStream out, Request request, int status, byte[] body, String... headers)
      throws IOException {
    head(out, status, body.length, headers);
    if (!request.method.equals("HEAD")) {
      out.write(body);
    }
  }

  /// The head of an answer, with whatever `Content-Length` it is to have.
  static void head(OutputStream out, int status, long length, String... headers)
      throws IOException {
    StringBuilder text = new StringBuilder("HTTP/1.1 " + status + " Status\r\n");
    for (String header : headers) {
      text.append(header).append("\r\n");
    }
    text.append("Connection: close\r\nContent-Length: ").append(length).append("\r\n\r\n");
    out.write(text.toString().getBytes(StandardCharsets.ISO_8859_1));
  }

  @Override
  public void close() {
    try {
      socket.close();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
