package dev.fettle.checkpoint.sentencepiece;

import dev.fettle.tensor.UserException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// The fields of one protocol buffer message, one after the other. Source: protobuf.dev,
/// "Encoding".
///
/// A field is a varint `number << 3 | type`, then its value: type 0 a varint, 1 eight bytes, 2 a
/// length and as many bytes, 5 four bytes. Nothing is copied until it is asked for, and no length
/// is believed beyond the bytes that are there.
final class WireReader {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;
  private static final int LONGEST_VARINT = 10;

  private final byte[] data;
  private final int end;
  private final String source;
  private int position;
  private int type;

  /// The number of the field that [#next] has found, and where its bytes are.
  private int field;

  private long number;
  private int start;
  private int length;

  WireReader(byte[] data, String source) {
    this(data, 0, data.length, source);
  }

  private WireReader(byte[] data, int start, int end, String source) {
    this.data = data;
    this.position = start;
    this.end = end;
    this.source = source;
  }

  /// Steps to the next field.
  ///
  /// @return whether there is one
  /// @throws UserException if the bytes are no message
  boolean next() {
    if (position == end) {
      return false;
    }
    long key = varint();
    field = (int) (key >>> 3);
    type = (int) (key & 7);
    if (key >>> 3 == 0 || key >>> 3 > Integer.MAX_VALUE) {
      throw malformed();
    }
    switch (type) {
      case VARINT -> number = varint();
      case FIXED64 -> skip(8);
      case BYTES -> skip(varint());
      case FIXED32 -> skip(4);
      default -> throw malformed(); // groups, which nobody has written for twenty years
    }
    return true;
  }

  int field() {
    return field;
  }

  private void skip(long count) {
    if (count < 0 || count > end - position) {
      throw malformed();
    }
    start = position;
    length = (int) count;
    position += length;
  }

  private long varint() {
    long value = 0;
    for (int i = 0; i < LONGEST_VARINT && position < end; i++) {
      byte b = data[position++];
      value |= (long) (b & 0x7F) << (7 * i);
      if (b >= 0) {
        return value;
      }
    }
    throw malformed();
  }

  int integer() {
    require(VARINT);
    return (int) number;
  }

  boolean flag() {
    require(VARINT);
    return number != 0;
  }

  float real() {
    require(FIXED32);
    return ByteBuffer.wrap(data, start, length).order(ByteOrder.LITTLE_ENDIAN).getFloat();
  }

  byte[] bytes() {
    require(BYTES);
    return Arrays.copyOfRange(data, start, start + length);
  }

  String text() {
    require(BYTES);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(data, start, length))
          .toString();
    } catch (CharacterCodingException e) {
      throw new UserException(source + " holds text that is not UTF-8.", e);
    }
  }

  WireReader message() {
    require(BYTES);
    return new WireReader(data, start, start + length, source);
  }

  private void require(int expected) {
    if (type != expected) {
      throw malformed();
    }
  }

  private UserException malformed() {
    return new UserException(
        source
            + " is no SentencePiece model: expected a protocol buffer, found something else near byte "
            + position
            + ".");
  }
}
