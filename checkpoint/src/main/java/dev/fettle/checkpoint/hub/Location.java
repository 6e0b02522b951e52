package dev.fettle.checkpoint.hub;

import java.net.URI;

/// The header `Location`, which servers fill with characters that an address must not have.
final class Location {
  private static final String ILLEGAL = " \"<>\\^`{|}";

  private Location() {}

  /// @throws IllegalArgumentException if it is no address even then
  static URI parse(String text) {
    if (text.isBlank()) {
      throw new IllegalArgumentException("empty");
    }
    StringBuilder legal = new StringBuilder();
    String bare = text.strip();
    int fragment = bare.indexOf('#');
    String withoutFragment = fragment < 0 ? bare : bare.substring(0, fragment);
    for (int i = 0; i < withoutFragment.length(); i++) {
      char c = withoutFragment.charAt(i);
      if (c > '~' || c < ' ' || ILLEGAL.indexOf(c) >= 0) {
        legal.append("%%%02X".formatted(c & 0xff)); // header bytes come as ISO 8859-1
      } else {
        legal.append(c);
      }
    }
    return URI.create(legal.toString());
  }
}
