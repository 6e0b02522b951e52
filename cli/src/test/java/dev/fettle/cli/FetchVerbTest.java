package dev.fettle.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.fettle.checkpoint.Json;
import dev.fettle.checkpoint.hub.HubEnvironment;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// `fettle fetch` as a user types it, and what it fetched as the model of other verbs.
class FetchVerbTest {
  private static final String COMMIT = "89abcdef0123456789abcdef0123456789abcdef";
  private static final String TOKEN = "hf_neverToBeSeen";
  private static final String ADAPTER_CONFIG =
      "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4,\"target_modules\":[\"q_proj\"]}";

  @TempDir Path folder;
  private final Map<String, byte[]> files = new TreeMap<>();
  private final Map<String, String> variables = new HashMap<>();
  private final List<String> requests = new ArrayList<>();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private final StopSignal stop = new StopSignal();
  private HttpServer server;

  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::answer);
    server.start();
    files.put("config.json", "{}".getBytes(StandardCharsets.UTF_8));
    files.put("adapter_config.json", ADAPTER_CONFIG.getBytes(StandardCharsets.UTF_8));
    files.put("pytorch_model.bin", new byte[3]);
    variables.put("HF_ENDPOINT", "http://127.0.0.1:" + server.getAddress().getPort());
    variables.put("HF_HOME", folder.resolve("home").toString());
    variables.put("HF_TOKEN", TOKEN);
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getPath();
    synchronized (requests) {
      requests.add(exchange.getRequestMethod() + " " + path);
    }
    byte[] body;
    int status = 200;
    String file = path.replaceFirst("^/acme/tiny/resolve/" + COMMIT + "/", "");
    if (path.equals("/api/models/acme/tiny/revision/main")) {
      body = Json.compact(listing()).getBytes(StandardCharsets.UTF_8);
    } else if (files.containsKey(file)) {
      body = files.get(file);
      exchange.getResponseHeaders().add("ETag", "\"" + sha1(body) + "\"");
    } else {
      body = new byte[0];
      status = 404;
    }
    boolean head = exchange.getRequestMethod().equals("HEAD");
    if (head) {
      exchange.getResponseHeaders().add("Content-Length", "" + body.length);
    }
    exchange.sendResponseHeaders(status, head || body.length == 0 ? -1 : body.length);
    if (!head) {
      exchange.getResponseBody().write(body);
    }
    exchange.close();
  }

  private ObjectNode listing() {
    ObjectNode root = Json.object().put("sha", COMMIT);
    ArrayNode siblings = root.putArray("siblings");
    files.forEach((path, content) ->
        siblings
            .addObject()
            .put("rfilename", path)
            .put("size", content.length)
            .put("blobId", sha1(content)));
    return root;
  }

  private static String sha1(byte[] content) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-1");
      digest.update(("blob " + content.length + "\0").getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(digest.digest(content));
    } catch (java.security.NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private int run(String... args) {
    out.reset();
    err.reset();
    Console console =
        new Console(
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false,
            0,
            stop,
            () -> HubEnvironment.of(variables::get, folder));
    int exitCode = Cli.run(console, args);
    assertThat(out() + err()).doesNotContain(TOKEN);
    return exitCode;
  }

  private String out() {
    return out.toString(StandardCharsets.UTF_8);
  }

  private String err() {
    return err.toString(StandardCharsets.UTF_8);
  }

  private Path snapshot() {
    return folder.resolve("home/hub/models--acme--tiny/snapshots").resolve(COMMIT);
  }

  @Test
  void theFolderIsOnTheLastLine() {
    files.put("model.safetensors", new byte[8]);

    assertThat(run("fetch", "acme/tiny")).isZero();

    assertThat(out()).endsWith("3 files (79 B), 3 downloaded\n" + snapshot() + "\n");
    assertThat(err()).contains("fetching 0/3 files").contains("fetching 3/3 files  79 B of 79 B");
    assertThat(snapshot().resolve("pytorch_model.bin")).doesNotExist();
  }

  @Test
  void jsonSaysWhatWasDone() {
    assertThat(run("fetch", "acme/tiny", "config.json", "--json")).isZero();

    ObjectNode json = Json.parse(out(), "standard output");
    assertThat(json.path("commit").asString()).isEqualTo(COMMIT);
    assertThat(json.path("files").get(0).path("path").asString()).isEqualTo("config.json");
    assertThat(json.path("downloaded_bytes").asLong()).isEqualTo(2);
  }

  @Test
  void aDryRunListsAndWritesNothing() {
    assertThat(run("fetch", "acme/tiny", "--include", "*.json", "--dry-run")).isZero();

    assertThat(out())
        .contains("adapter_config.json  69 B  to download")
        .contains("2 of 2 files to download, 71 B of 71 B");
    assertThat(folder.resolve("home")).doesNotExist();
  }

  @Test
  void onlyPickleIsRefused() {
    files.remove("adapter_config.json");

    assertThat(run("fetch", "acme/tiny")).isEqualTo(Cli.BAD_INPUT);

    assertThat(err()).contains("acme/tiny has its weights only as pytorch_model.bin");
    assertThat(requests).hasSize(1);
  }

  @Test
  void aModelThatWasNotFetchedIsAnsweredWithTheCommand() {
    assertThat(run("inspect", "--model", "acme/tiny@v2")).isEqualTo(Cli.BAD_INPUT);

    assertThat(err())
        .isEqualTo(
            "fettle inspect: There is no folder or file 'acme/tiny@v2' here, and no such model in the"
                + " cache %s; fetch it with: fettle fetch acme/tiny@v2\n"
                    .formatted(folder.resolve("home/hub")));
    assertThat(requests).isEmpty();
  }

  @Test
  void whatWasFetchedIsFoundUnderItsName() {
    files.put("model.safetensors", new byte[8]);
    run("fetch", "acme/tiny");
    requests.clear();

    assertThat(run("inspect", "--model", "acme/tiny")).isEqualTo(Cli.BAD_INPUT);

    assertThat(err()).startsWith("fettle inspect: ").contains(snapshot().toString());
    assertThat(requests).isEmpty();
  }

  @Test
  void anAdapterNamesItsBase() throws IOException {
    files.put("model.safetensors", new byte[8]);
    run("fetch", "acme/tiny");
    Path adapter = Files.createDirectories(folder.resolve("adapter"));
    Files.writeString(
        adapter.resolve("adapter_config.json"), "{\"base_model_name_or_path\":\"acme/tiny\"}");

    assertThat(run("generate", "--adapter", adapter.toString(), "--prompt", "x"))
        .isEqualTo(Cli.BAD_INPUT);

    assertThat(err())
        .startsWith("model: acme/tiny, the base of " + adapter + "\nfettle generate: ")
        .contains(snapshot().toString());
  }

  @Test
  void otherVerbsTakeTheNameWhereTheyTakeAPath() {
    for (List<String> each :
        List.of(
            List.of("doctor", "acme/tiny"),
            List.of("explain", "memory", "acme/tiny"),
            List.of("evaluate", "--model", "acme/tiny", "--data", "x"),
            List.of("merge", "--model", "m", "--adapter", "acme/tiny", "--output", "o"))) {
      assertThat(run(each.toArray(String[]::new))).as(each.toString()).isEqualTo(Cli.BAD_INPUT);
      assertThat(err()).contains("fetch it with: fettle fetch acme/tiny");
    }
  }

  @Test
  void aPlanNeedsTheConfigurationAlone() {
    run("fetch", "acme/tiny", "config.json");

    assertThat(run("plan", "acme/tiny")).isEqualTo(Cli.BAD_INPUT);
    assertThat(err()).contains(snapshot().toString()).doesNotContain("fettle fetch");
    assertThat(run("plan", "acme/other")).isEqualTo(Cli.BAD_INPUT);
    assertThat(err()).contains("fetch it with: fettle fetch acme/other config.json");
  }

  @Test
  void theTokenIsInNoCrashReport() {
    assertThat(CrashReport.command(new String[] {"fetch", "a/b", "--token", TOKEN, "--json"}))
        .isEqualTo("fetch a/b --token … --json");
    assertThat(CrashReport.command(new String[] {"fetch", "--token=" + TOKEN}))
        .isEqualTo("fetch --token=…");
  }

  @Test
  void offlineOnlyTheCacheCounts() {
    files.put("model.safetensors", new byte[8]);
    run("fetch", "acme/tiny");
    requests.clear();
    variables.put("HF_HUB_OFFLINE", "1");

    assertThat(run("fetch", "acme/tiny")).isZero();
    assertThat(out()).isEqualTo(snapshot() + "\n");
    assertThat(run("fetch", "acme/other")).isEqualTo(Cli.BAD_INPUT);
    assertThat(err()).contains("HF_HUB_OFFLINE forbids to ask the hub");
    assertThat(requests).isEmpty();
  }

  @Test
  void wrongCommandLines() {
    assertThat(run("fetch")).isEqualTo(Cli.BAD_INPUT);
    assertThat(run("fetch", "../x")).isEqualTo(Cli.BAD_INPUT);
    assertThat(err()).contains("'../x' is no name of a model on a hub");
    assertThat(run("fetch", "acme/tiny@a", "--revision", "b")).isEqualTo(Cli.BAD_INPUT);
    assertThat(run("fetch", "acme/tiny", "--max-workers", "0")).isEqualTo(Cli.BAD_INPUT);
    assertThat(run("fetch", "acme/tiny", "a.json", "--include", "b")).isEqualTo(Cli.BAD_INPUT);
    assertThat(requests).isEmpty();
  }

  @Test
  void aStopEndsIt() {
    stop.request();

    assertThat(run("fetch", "acme/tiny")).isEqualTo(Cli.STOPPED);
    assertThat(snapshot()).doesNotExist();
  }

  @Test
  void aHubThatIsGoneLeavesTheCache() {
    files.put("model.safetensors", new byte[8]);
    run("fetch", "acme/tiny");
    variables.put("HF_ENDPOINT", "http://127.0.0.1:1");

    assertThat(run("fetch", "acme/tiny")).isZero();
    assertThat(out()).isEqualTo(snapshot() + "\n");
    assertThat(err()).contains("cannot connect").contains("This is what the cache has:");
    assertThat(run("fetch", "acme/other")).isEqualTo(Cli.FAILED);
    assertThat(Files.exists(folder.resolve("home/hub/models--acme--other"))).isFalse();
  }
}
