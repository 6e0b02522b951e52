package dev.fettle.text;

import dev.fettle.text.records.TrainingRecord;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.text.Normalizer;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Which records were seen before. Two are the same if they agree in their texts, and in
/// conversations in all keys of their messages and where the prompt ends, after Unicode's composed
/// form (NFC) and with every run of white space as one space, none at the ends.
///
/// Only 128 bits of each record's SHA-256 are kept, 16 bytes in a table at most two thirds full.
final class Fingerprints {
  /// Pairs of words; two zeros are a free place.
  private long[] table = new long[1 << 11];

  private int size;
  private final MessageDigest digest;

  Fingerprints() {
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  /// @return false if an equal record was added before
  boolean add(TrainingRecord record) {
    digest.reset();
    switch (record) {
      case TrainingRecord.Text text -> update(text.text());
      case TrainingRecord.Completion pair -> {
        update(pair.prompt());
        update(pair.completion());
      }
      case TrainingRecord.Conversation conversation -> {
        for (ObjectNode message : conversation.messages()) {
          update(message);
        }
        update(Integer.toString(conversation.promptTurns()));
        update(conversation.variables().toString());
      }
    }
    ByteBuffer hash = ByteBuffer.wrap(digest.digest());
    return insert(hash.getLong() | 1, hash.getLong());
  }

  /// All keys in alphabetical order: templates read more than `content`, and some keys say what is
  /// learned.
  private void update(ObjectNode message) {
    Set<String> names = new TreeSet<>(message.propertyNames());
    update(Integer.toString(names.size()));
    for (String name : names) {
      JsonNode value = message.path(name);
      update(name);
      update(value.getNodeType().name());
      update(value.isString() ? value.asString() : value.toString());
    }
  }

  private void update(String text) {
    String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
    StringBuilder normal = new StringBuilder(composed.length());
    boolean space = false;
    for (int i = 0; i < composed.length(); i++) {
      char c = composed.charAt(i);
      if (Character.isWhitespace(c)) {
        space = true;
        continue;
      }
      if (space && !normal.isEmpty()) {
        normal.append(' ');
      }
      space = false;
      normal.append(c);
    }
    byte[] bytes = normal.toString().getBytes(StandardCharsets.UTF_8);
    digest.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes.length).array());
    digest.update(bytes);
  }

  private boolean insert(long high, long low) {
    if (3L * (size + 1) > table.length) { // two words each: two thirds full
      long[] old = table;
      table = new long[Math.multiplyExact(old.length, 2)];
      for (int i = 0; i < old.length; i += 2) {
        if (old[i] != 0) {
          place(old[i], old[i + 1]);
        }
      }
    }
    boolean added = place(high, low);
    size += added ? 1 : 0;
    return added;
  }

  private boolean place(long high, long low) {
    int mask = table.length / 2 - 1;
    int at = (int) (low ^ low >>> Integer.SIZE) & mask;
    while (table[2 * at] != 0) {
      if (table[2 * at] == high && table[2 * at + 1] == low) {
        return false;
      }
      at = (at + 1) & mask;
    }
    table[2 * at] = high;
    table[2 * at + 1] = low;
    return true;
  }

  /// How many different records were added.
  int size() {
    return size;
  }
}
