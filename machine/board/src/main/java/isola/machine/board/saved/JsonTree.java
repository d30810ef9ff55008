package isola.machine.board.saved;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** JSON as trees of maps, lists, strings, whole numbers and truth values. Any thread. */
final class JsonTree {
  private static final int DEEPEST = 32;
  private static final int LONGEST_NUMBER = 20;

  private JsonTree() {}

  private static JsonFactory factory() {
    return JsonFactory.builder()
        .streamReadConstraints(
            StreamReadConstraints.builder()
                .maxNestingDepth(DEEPEST)
                .maxNumberLength(LONGEST_NUMBER)
                .maxStringLength(SavedFormat.LONGEST_DESCRIPTION)
                .build())
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .build();
  }

  static byte[] write(Map<String, @Nullable Object> tree) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (JsonGenerator json = factory().createGenerator(bytes)) {
      write(json, tree);
    }
    return bytes.toByteArray();
  }

  private static void write(JsonGenerator json, @Nullable Object node) throws IOException {
    switch (node) {
      case null -> json.writeNull();
      case String text -> json.writeString(text);
      case Long number -> json.writeNumber(number);
      case Boolean truth -> json.writeBoolean(truth);
      case List<?> list -> {
        json.writeStartArray();
        for (Object each : list) {
          write(json, each);
        }
        json.writeEndArray();
      }
      case Map<?, ?> map -> {
        json.writeStartObject();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          json.writeFieldName(String.valueOf(entry.getKey()));
          write(json, entry.getValue());
        }
        json.writeEndObject();
      }
      default -> throw new IllegalArgumentException("not of JSON: " + node.getClass());
    }
  }

  /**
   * Reads one value.
   *
   * @throws IOException if it is not JSON, or of a kind that has no place here
   */
  static @Nullable Object read(byte[] bytes) throws IOException {
    try (JsonParser json = factory().createParser(bytes)) {
      json.nextToken();
      Object tree = node(json);
      if (json.nextToken() != null) {
        throw new IOException("something follows the value");
      }
      return tree;
    }
  }

  private static @Nullable Object node(JsonParser json) throws IOException {
    JsonToken token = json.currentToken();
    return switch (token) {
      case VALUE_STRING -> json.getText();
      case VALUE_NUMBER_INT -> json.getLongValue();
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      case START_ARRAY -> {
        List<@Nullable Object> list = new ArrayList<>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
          list.add(node(json));
        }
        yield list;
      }
      case START_OBJECT -> {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        while (json.nextToken() != JsonToken.END_OBJECT) {
          String name = json.currentName();
          json.nextToken();
          map.put(name, node(json));
        }
        yield map;
      }
      case null, default -> throw new IOException("no value that belongs here: " + token);
    };
  }
}
