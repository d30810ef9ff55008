package isola.image.debian;

import isola.image.ImageException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bouncycastle.bcpg.ArmoredInputStream;
import org.bouncycastle.bcpg.HashAlgorithmTags;
import org.bouncycastle.openpgp.PGPException;
import org.bouncycastle.openpgp.PGPPublicKey;
import org.bouncycastle.openpgp.PGPPublicKeyRing;
import org.bouncycastle.openpgp.PGPSignature;
import org.bouncycastle.openpgp.PGPSignatureList;
import org.bouncycastle.openpgp.PGPUtil;
import org.bouncycastle.openpgp.bc.BcPGPObjectFactory;
import org.bouncycastle.openpgp.bc.BcPGPPublicKeyRingCollection;
import org.bouncycastle.openpgp.operator.bc.BcPGPContentVerifierBuilderProvider;

/**
 * The keys that may sign an archive's release file, and the check of such a signature.
 *
 * <p>Source: RFC 9580, section 7 (the cleartext signature framework). Keys count as trusted because
 * of the file they come from, which only the machine's administrator can write.
 */
public final class Keyring {
  private static final Set<Integer> HASHES =
      Set.of(HashAlgorithmTags.SHA256, HashAlgorithmTags.SHA384, HashAlgorithmTags.SHA512);
  private static final String MESSAGE = "-----BEGIN PGP SIGNED MESSAGE-----";
  private static final String SIGNATURE = "-----BEGIN PGP SIGNATURE-----";
  private static final String END = "-----END PGP SIGNATURE-----";

  private record Key(PGPPublicKey key, PGPPublicKey primary) {}

  private final Map<Long, Key> keys = new HashMap<>();

  /**
   * Adds the keys of a file, in binary form or in text form. A file that is missing or not for us
   * to read adds none.
   */
  public void addFile(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      add(in);
    } catch (IOException | PGPException | RuntimeException e) {
      // No keys from here, then; a signature that needs them will be found without a key.
    }
  }

  /** Adds the keys of a text block. */
  public void addBlock(String block) {
    try {
      add(new ByteArrayInputStream(block.getBytes(StandardCharsets.ISO_8859_1)));
    } catch (IOException | PGPException | RuntimeException e) {
      // As above.
    }
  }

  /** Whether there is no key at all. */
  public boolean isEmpty() {
    return keys.isEmpty();
  }

  private void add(InputStream in) throws IOException, PGPException {
    for (PGPPublicKeyRing ring : new BcPGPPublicKeyRingCollection(PGPUtil.getDecoderStream(in))) {
      ring.getPublicKeys()
          .forEachRemaining(key -> keys.put(key.getKeyID(), new Key(key, ring.getPublicKey())));
    }
  }

  /**
   * Checks a text with its signature and tells the signed text alone.
   *
   * @param uri whose text it is, for messages
   * @throws ImageException unless a key of this keyring made a good signature over it
   */
  public String verify(byte[] signed, String uri) throws ImageException {
    List<String> lines = new ArrayList<>();
    String armor = split(new String(signed, StandardCharsets.ISO_8859_1), lines, uri);
    byte[] canonical = String.join("\r\n", lines).getBytes(StandardCharsets.ISO_8859_1);
    boolean known = false;
    for (PGPSignature signature : signatures(armor, uri)) {
      Key key = keys.get(signature.getKeyID());
      if (key == null) {
        continue;
      }
      known = true;
      if (good(signature, key, canonical)) {
        return String.join("\n", lines) + "\n";
      }
    }
    throw new ImageException(
        known
            ? "The signature of "
                + uri
                + " is bad: the mirror's file was changed or damaged on its way."
            : "The signature of "
                + uri
                + " is by none of this machine's Debian keys; update the package"
                + " debian-archive-keyring.");
  }

  /** Takes the message apart: adds its lines as they were signed, and tells the signature block. */
  private static String split(String text, List<String> lines, String uri) throws ImageException {
    String[] all = text.split("\r?\n", -1);
    int at = 0;
    boolean whole = all.length > 3 && all[0].equals(MESSAGE);
    if (whole) {
      at = 1;
      while (at < all.length && !all[at].isBlank()) {
        whole &= all[at].startsWith("Hash:");
        at++;
      }
      at++;
      while (at < all.length && !all[at].equals(SIGNATURE)) {
        String line = all[at].startsWith("- ") ? all[at].substring(2) : all[at];
        whole &= !all[at].startsWith("-----");
        lines.add(line.replaceAll("[ \t]+$", ""));
        at++;
      }
    }
    int end = at;
    while (end < all.length && !all[end].equals(END)) {
      end++;
    }
    if (!whole || end >= all.length) {
      throw new ImageException(
          "The answer of " + uri + " is not a signed release file; use another mirror.");
    }
    StringBuilder armor = new StringBuilder();
    for (int i = at; i <= end; i++) {
      armor.append(all[i]).append('\n');
    }
    for (int i = end + 1; i < all.length; i++) {
      if (!all[i].isBlank()) {
        throw new ImageException(
            "The release file of " + uri + " has text after its signature; use another mirror.");
      }
    }
    return armor.toString();
  }

  private static List<PGPSignature> signatures(String armor, String uri) throws ImageException {
    List<PGPSignature> all = new ArrayList<>();
    try (ArmoredInputStream in =
        new ArmoredInputStream(
            new ByteArrayInputStream(armor.getBytes(StandardCharsets.ISO_8859_1)))) {
      for (Object object : new BcPGPObjectFactory(in)) {
        if (object instanceof PGPSignatureList list) {
          list.forEach(all::add);
        }
      }
    } catch (IOException | RuntimeException e) {
      throw new ImageException(
          "The signature of " + uri + " cannot be read; use another mirror.", e);
    }
    return all;
  }

  private static boolean good(PGPSignature signature, Key key, byte[] canonical) {
    if (signature.getSignatureType() != PGPSignature.CANONICAL_TEXT_DOCUMENT
        || !HASHES.contains(signature.getHashAlgorithm())
        || !usable(key.key(), signature)
        || !usable(key.primary(), signature)) {
      return false;
    }
    try {
      signature.init(new BcPGPContentVerifierBuilderProvider(), key.key());
      signature.update(canonical);
      return signature.verify();
    } catch (PGPException | RuntimeException e) {
      return false;
    }
  }

  /** Not revoked, and not expired when the signature was made. */
  private static boolean usable(PGPPublicKey key, PGPSignature signature) {
    long seconds = key.getValidSeconds();
    Duration age =
        Duration.between(
            key.getCreationTime().toInstant(), signature.getCreationTime().toInstant());
    return !key.hasRevocation() && (seconds == 0 || age.toSeconds() <= seconds);
  }
}
