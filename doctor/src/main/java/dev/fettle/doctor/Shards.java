package dev.fettle.doctor;

import dev.fettle.tensor.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/// The weight files of a folder against its index.
final class Shards {
  private static final String INDEX = "model.safetensors.index.json";
  private static final String SINGLE = "model.safetensors";

  /// What git puts in the place of a file that git-lfs has not fetched.
  private static final String POINTER = "version https://git-lfs";

  private Shards() {}

  static List<Finding> examine(String id, Patient patient) {
    if (!patient.isFolder()) {
      return List.of();
    }
    List<Finding> findings = new ArrayList<>();
    Path folder = patient.path();
    Set<String> present = files(folder);
    for (String name : present) {
      if (isPointer(folder.resolve(name))) {
        findings.add(
            Finding.error(
                id,
                name + " is a pointer of git-lfs and holds no weights",
                "run git lfs pull in the folder, or fettle fetch the model"));
      }
    }
    boolean single = present.contains(SINGLE);
    boolean index = Files.isRegularFile(folder.resolve(INDEX));
    if (!single && !index) {
      findings.add(noWeights(id, folder));
    }
    if (index) {
      indexed(id, patient, present, single, findings);
    }
    return findings;
  }

  private static void indexed(
      String id, Patient patient, Set<String> present, boolean single, List<Finding> findings) {
    JsonNode map = patient.json(INDEX).path("weight_map");
    Set<String> named = new TreeSet<>();
    map.forEach(shard -> named.add(shard.asString("")));
    if (single) {
      findings.add(
          Finding.warning(
              id,
              "both model.safetensors and an index of %d shards; the single file is read"
                  .formatted(named.size()),
              "remove the one that is out of date"));
      return;
    }
    List<String> missing = named.stream().filter(name -> !present.contains(name)).toList();
    if (!missing.isEmpty()) {
      findings.add(
          Finding.error(
              id,
              "%d of %d shards are missing: %s"
                  .formatted(missing.size(), named.size(), Shown.list(missing)),
              "fetch the model again; what is there is not fetched twice"));
    }
    List<String> more = present.stream().filter(name -> !named.contains(name)).toList();
    if (!more.isEmpty()) {
      findings.add(
          Finding.warning(
              id,
              "weight files that the index does not name are not read: " + Shown.list(more),
              "remove them, or take the index that belongs to them"));
    }
  }

  private static Finding noWeights(String id, Path folder) {
    boolean pickle =
        Files.exists(folder.resolve("pytorch_model.bin"))
            || Files.exists(folder.resolve("pytorch_model.bin.index.json"));
    return pickle
        ? Finding.error(
            id,
            "weights are in pytorch_model.bin, a pickle file, which can run any program when it is"
                + " read",
            "in transformers: AutoModelForCausalLM.from_pretrained(FOLDER).save_pretrained(NEW)"
                + " writes safetensors")
        : Finding.error(
            id,
            "no weights: neither model.safetensors nor " + INDEX,
            "put the .safetensors files of the model into the folder");
  }

  private static Set<String> files(Path folder) {
    try (Stream<Path> paths = Files.list(folder)) {
      Set<String> names = new TreeSet<>();
      paths
          .map(path -> path.getFileName().toString())
          .filter(name -> name.endsWith(".safetensors") && !name.startsWith("adapter_"))
          .forEach(names::add);
      return names;
    } catch (IOException e) {
      throw new UserException("Cannot list " + folder + ": " + e.getMessage() + ".", e);
    }
  }

  private static boolean isPointer(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] start = in.readNBytes(POINTER.length());
      return new String(start, StandardCharsets.ISO_8859_1).equals(POINTER);
    } catch (IOException e) {
      return false; // opening the checkpoint says why it cannot be read
    }
  }
}
