package isola.cli.control;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.LinkedHashMap;
import java.util.Map;

/** Messages on a socket: a line each, a JSON object of strings. */
final class Wire {
  private static final int LONGEST = 1 << 16;

  private Wire() {}

  static void send(SocketChannel channel, Map<String, String> message) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    try (JsonGenerator json = new JsonFactory().createGenerator(line)) {
      json.writeStartObject();
      for (Map.Entry<String, String> field : message.entrySet()) {
        json.writeStringField(field.getKey(), field.getValue());
      }
      json.writeEndObject();
    }
    line.write('\n');
    ByteBuffer bytes = ByteBuffer.wrap(line.toByteArray());
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /**
   * The next message.
   *
   * @throws IOException at the end, and for what is no message
   */
  static Map<String, String> receive(SocketChannel channel) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    ByteBuffer piece = ByteBuffer.allocate(1024);
    while (true) {
      piece.clear();
      int count = channel.read(piece);
      if (count < 0) {
        throw new EOFException("it hung up");
      }
      for (int i = 0; i < count; i++) {
        if (piece.get(i) == '\n') {
          line.write(piece.array(), 0, i);
          return parse(line.toByteArray());
        }
      }
      line.write(piece.array(), 0, count);
      if (line.size() > LONGEST) {
        throw new IOException("it said too much");
      }
    }
  }

  private static Map<String, String> parse(byte[] line) throws IOException {
    Map<String, String> message = new LinkedHashMap<>();
    try (JsonParser json = new JsonFactory().createParser(line)) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new IOException("it did not say an object");
      }
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        if (json.nextToken() != JsonToken.VALUE_STRING) {
          throw new IOException("it did not say a string");
        }
        message.put(name, json.getText());
      }
    }
    return message;
  }
}
