package isola.image.debian;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import isola.image.ImageException;
import isola.image.fixture.SigningKey;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class KeyringTest {
  private static final String TEXT = "Origin: Debian\n- dashes: yes\n-----odd\nCodename: trixie\n";
  private static SigningKey key;
  private static SigningKey stranger;
  private final Keyring keyring = new Keyring();

  @BeforeAll
  static void makeKeys() throws Exception {
    key = new SigningKey();
    stranger = new SigningKey();
  }

  private static void refused(ThrowingCallable call, String why) {
    assertThatThrownBy(call).isInstanceOf(ImageException.class).hasMessageContaining(why);
  }

  @Test
  void tellsTheSignedText(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("k.gpg");
    Files.write(file, key.keyring());
    keyring.addFile(file);
    assertThat(keyring.verify(key.sign(TEXT), "u")).isEqualTo(TEXT);
    Keyring other = new Keyring();
    other.addBlock(key.block());
    String windows = new String(key.sign(TEXT), StandardCharsets.UTF_8).replace("\n", "\r\n");
    assertThat(other.verify(windows.getBytes(StandardCharsets.UTF_8), "u")).isEqualTo(TEXT);
  }

  @Test
  void refusesChangedText() throws Exception {
    keyring.addBlock(key.block());
    String signed = new String(key.sign(TEXT), StandardCharsets.UTF_8);
    refused(
        () -> keyring.verify(signed.replace("trixie", "sid").getBytes(StandardCharsets.UTF_8), "u"),
        "is bad");
    refused(
        () -> keyring.verify((signed + "Origin: Evil\n").getBytes(StandardCharsets.UTF_8), "u"),
        "after its signature");
    refused(
        () -> keyring.verify(("Origin: Evil\n" + signed).getBytes(StandardCharsets.UTF_8), "u"),
        "not a signed");
    String comment = signed.replaceFirst("Hash: SHA256\n", "Hash: SHA256\nOrigin: Evil\n");
    refused(() -> keyring.verify(comment.getBytes(StandardCharsets.UTF_8), "u"), "not a signed");
  }

  @Test
  void refusesOtherKeysAndWeakHashes() throws Exception {
    refused(() -> keyring.verify(key.sign(TEXT), "u"), "none of this machine's Debian keys");
    keyring.addBlock(key.block());
    refused(() -> keyring.verify(stranger.sign(TEXT), "u"), "none of this machine's Debian keys");
    refused(() -> keyring.verify(key.sign(TEXT, HashAlgorithmTags.SHA1), "u"), "is bad");
  }

  @Test
  void refusesWhatIsNoSignedText() {
    for (String text :
        new String[] {
          "",
          "<html>",
          "-----BEGIN PGP SIGNED MESSAGE-----",
          "-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
          "-----BEGIN PGP SIGNED MESSAGE-----\n\nx\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n=AAAA\n-----END PGP SIGNATURE-----\n"
        }) {
      assertThatThrownBy(() -> keyring.verify(text.getBytes(StandardCharsets.UTF_8), "u"))
          .isInstanceOf(ImageException.class);
    }
    keyring.addBlock("rubbish");
    assertThat(keyring.isEmpty()).isTrue();
  }

  @Test
  void checksWhatTheReleaseIs() throws Exception {
    Instant now = Instant.parse("2026-09-20T00:00:00Z");
    String fields = "Origin: Debian\nCodename: trixie\nDate: Sat, 12 Sep 2026 07:55:41 UTC\n";
    ReleaseFile good =
        ReleaseFile.parse(fields + "Valid-Until: Sat, 26 Sep 2026 07:55:41 UTC\n", "u");
    good.check("u", "trixie", now);
    refused(() -> good.check("u", "bookworm", now), "asked for bookworm");
    refused(() -> good.check("u", "trixie", now.plusSeconds(864_000)), "expired");
    refused(() -> good.check("u", "trixie", now.minusSeconds(864_000)), "from the future");
    good.check("u", "trixie", null);
    ReleaseFile other = ReleaseFile.parse("Origin: Other\nCodename: trixie\n", "u");
    refused(() -> other.check("u", "trixie", now), "not Debian");
    refused(() -> ReleaseFile.parse("a: b\n\nc: d\n", "u"), "not one");
    ReleaseFile odd = ReleaseFile.parse("Origin: Debian\nCodename: trixie\nDate: yesterday\n", "u");
    refused(() -> odd.check("u", "trixie", now), "not a date");
  }
}
