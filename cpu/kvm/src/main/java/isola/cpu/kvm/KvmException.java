package isola.cpu.kvm;

import isola.host.DeviceFile;

/** KVM refused; the message is one sentence for the user. */
final class KvmException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /** With a whole sentence. */
  KvmException(String sentence) {
    super(sentence);
  }

  /** For a call that failed with a negated error number. */
  KvmException(String call, int result) {
    super("KVM refused %s: %s.".formatted(call, DeviceFile.reason(-result)));
  }

  /** The result of a call that must not fail. */
  static int require(String call, int result) {
    if (result < 0) {
      throw new KvmException(call, result);
    }
    return result;
  }
}
