package dev.fettle.text.records;

import dev.fettle.tensor.UserException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Data files as one text, for what is measured over a running text such as perplexity.
///
/// Rows are joined by blank lines, as the transformers documentation joins the rows of WikiText
/// ("Perplexity of fixed-length models"); so are files.
public final class PlainText {
  private static final String BETWEEN = "\n\n";

  private PlainText() {}

  /// @throws UserException if a file is missing or malformed, or holds conversations, which only a
  ///   chat template makes a text
  public static String read(DataFiles files) {
    RecordReader reader = new RecordReader(RecordOptions.defaults());
    List<String> texts = new ArrayList<>();
    for (Path file : files.files()) {
      if (reader.unit(file) == null) {
        texts.add(DataStream.read(file, in -> decode(file, in)));
      } else {
        reader.read(file, (record, number) -> texts.add(text(record)));
      }
    }
    return String.join(BETWEEN, texts);
  }

  private static String text(TrainingRecord record) {
    return switch (record) {
      case TrainingRecord.Text text -> text.text();
      case TrainingRecord.Completion pair -> pair.prompt() + pair.completion();
      case TrainingRecord.Conversation _ ->
          throw new UserException(
              "expected a text, found a conversation; write it as text with the chat template first.");
    };
  }

  private static String decode(Path file, InputStream in) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    in.transferTo(bytes);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes.toByteArray()))
          .toString();
    } catch (CharacterCodingException e) {
      throw new UserException(file + " is not UTF-8; convert it, for example with iconv.", e);
    }
  }
}
