package isola.cli;

import com.fasterxml.jackson.core.JsonEncoding;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import isola.image.Image;
import java.io.IOException;
import java.io.OutputStream;

/** {@code isola image inspect}. */
final class ImageJson {
  private ImageJson() {}

  static void write(OutputStream out, Image image) {
    try (JsonGenerator json =
        new JsonFactory()
            .createGenerator(out, JsonEncoding.UTF8)
            .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeStringField("name", image.name().toString());
      json.writeStringField("digest", image.digest());
      json.writeStringField("created", image.created().toString());
      json.writeNumberField("sizeBytes", image.size());
      json.writeStringField("kernel", image.kernel().toString());
      json.writeStringField("kernelVersion", image.kernelVersion());
      json.writeStringField("initrd", image.initrd().toString());
      json.writeStringField("root", image.root().toString());
      json.writeArrayFieldStart("packages");
      for (Image.InstalledPackage part : image.packages()) {
        json.writeStartObject();
        json.writeStringField("name", part.name());
        json.writeStringField("version", part.version());
        json.writeStringField("architecture", part.architecture());
        json.writeEndObject();
      }
      json.writeEndArray();
      json.writeEndObject();
      json.writeRaw('\n');
    } catch (IOException e) {
      throw new CommandFailure("Cannot write the output: %s.".formatted(e.getMessage()), e);
    }
  }
}
