package isola.image.root;

import isola.image.ImageException;
import isola.image.tree.Content;
import isola.image.tree.FileTree;
import isola.image.tree.Node.Attributes;
import isola.image.tree.Node.RegularFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Does what the maintainer scripts of Debian's minimal set do on a first installation, as far as a
 * guest can see it.
 */
final class MinimalSetup {
  private static final String PAM_NOTE =
      "# Only local accounts, as pam-auth-update writes it for a new installation.\n";

  private final FileTree tree;
  private final long time;

  MinimalSetup(FileTree tree) {
    this.tree = tree;
    this.time = tree.root().attributes().time();
  }

  /**
   * Does all of it.
   *
   * @param sources the guest's {@code debian.sources}, or empty for none
   */
  void run(String sources) throws ImageException, IOException {
    directories();
    accounts();
    baseFiles();
    network();
    pam();
    Alternatives alternatives = new Alternatives(tree);
    alternatives.add(
        "awk", "/usr/bin/awk", "/usr/bin/mawk", 5, "nawk", "/usr/bin/nawk", "/usr/bin/mawk");
    alternatives.add("pager", "/usr/bin/pager", "/bin/more", 50);
    alternatives.add("which", "/usr/bin/which", "/usr/bin/which.debianutils", 0);
    alternatives.add("rmt", "/usr/sbin/rmt", "/usr/sbin/rmt-tar", 50);
    if (!sources.isEmpty() && tree.find("etc/apt", true) != null) {
      tree.text("etc/apt/sources.list.d/debian.sources", 0644, sources);
    }
  }

  private void directories() throws ImageException {
    for (String path :
        List.of(
            "dev",
            "proc",
            "sys",
            "run",
            "boot",
            "home",
            "mnt",
            "srv",
            "opt",
            "etc/opt",
            "var/opt",
            "media",
            "usr/local/share/man",
            "usr/local/bin",
            "usr/local/games",
            "usr/local/lib",
            "usr/local/include",
            "usr/local/sbin",
            "usr/local/src",
            "usr/local/etc",
            "var/lib/apt/lists/partial",
            "etc/alternatives")) {
      tree.directory(path, Attributes.root(0755, time));
    }
    tree.setDirectory("tmp", Attributes.root(01777, time));
    tree.setDirectory("var/tmp", Attributes.root(01777, time));
    tree.setDirectory("root", Attributes.root(0700, time));
    tree.linkIfFree("usr/local/man", "share/man");
    tree.setDirectory("var/mail", new Attributes(02775, 0, 8, time));
    tree.linkIfFree("var/spool/mail", "../mail");
    tree.linkIfFree("var/run", "/run");
    tree.linkIfFree("var/lock", "/run/lock");
    tree.linkIfFree("etc/mtab", "../proc/self/mounts");
  }

  /** base-passwd's masters become the account files; no account has a password. */
  private void accounts() throws ImageException, IOException {
    String passwd = read("usr/share/base-passwd/passwd.master");
    String group = read("usr/share/base-passwd/group.master");
    if (passwd.isEmpty() || group.isEmpty()) {
      throw new ImageException(
          "The Debian archive's package base-passwd has no account lists; use another mirror.");
    }
    if (!passwd.contains("\n_apt:")) {
      passwd += "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n";
    }
    passwd = passwd.replaceAll("(?m)^([^:\n]*):\\*:", "$1:x:");
    group = group.replaceAll("(?m)^([^:\n]*):\\*:", "$1:x:");
    StringBuilder shadow = new StringBuilder();
    for (String line : passwd.lines().toList()) {
      shadow
          .append(line, 0, Math.max(0, line.indexOf(':')))
          .append(":*:")
          .append(time / 86_400)
          .append(":0:99999:7:::\n");
    }
    StringBuilder gshadow = new StringBuilder();
    for (String line : group.lines().toList()) {
      gshadow.append(line, 0, Math.max(0, line.indexOf(':'))).append(":*::\n");
    }
    tree.text("etc/passwd", 0644, passwd);
    tree.text("etc/group", 0644, group);
    int shadowGroup = 42;
    tree.put("etc/shadow", file(0640, shadowGroup, shadow.toString()));
    tree.put("etc/gshadow", file(0640, shadowGroup, gshadow.toString()));
    tree.put("var/log/wtmp", file(0664, 43, ""));
    tree.put("var/log/btmp", file(0660, 43, ""));
    tree.put("var/log/lastlog", file(0664, 43, ""));
  }

  private RegularFile file(int mode, int group, String text) {
    return new RegularFile(new Attributes(mode, 0, group, time), Content.text(text));
  }

  private void baseFiles() throws ImageException {
    copy("usr/share/base-files/dot.profile", "root/.profile");
    copy("usr/share/base-files/dot.bashrc", "root/.bashrc");
    copy("usr/share/base-files/profile", "etc/profile");
    copy("usr/share/base-files/motd", "etc/motd");
    copy("usr/share/base-files/info.dir", "usr/share/info/dir");
    copy("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf");
    copy("usr/share/debianutils/shells", "etc/shells");
    if (tree.find("etc/shells", true) == null) {
      tree.text("etc/shells", 0644, "# /etc/shells: valid login shells\n");
    }
    for (String shell : List.of("/bin/sh", "/bin/dash", "/bin/bash", "/bin/rbash")) {
      String known = readQuietly("etc/shells");
      if (tree.find(shell, true) != null && !known.contains(shell + "\n")) {
        tree.text("etc/shells", 0644, known + shell + "\n/usr" + shell + "\n");
      }
    }
    tree.linkIfFree("etc/dpkg/origins/default", "debian");
    tree.linkIfFree("etc/os-release", "../usr/lib/os-release");
  }

  private void network() throws ImageException {
    tree.text("etc/hostname", 0644, "isola\n");
    tree.text("etc/hosts", 0644, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    tree.text("etc/resolv.conf", 0644, "");
    tree.text("etc/fstab", 0644, "");
  }

  private void pam() throws ImageException {
    if (tree.find("etc/pam.d", true) == null) {
      return;
    }
    pam("common-account", "account required pam_unix.so\n");
    pam("common-auth", "auth required pam_unix.so nullok\n");
    pam("common-password", "password required pam_unix.so obscure yescrypt\n");
    pam("common-session", "session required pam_unix.so\n");
    pam("common-session-noninteractive", "session required pam_unix.so\n");
  }

  private void pam(String name, String rule) throws ImageException {
    if (tree.find("etc/pam.d/" + name, true) == null) {
      tree.text("etc/pam.d/" + name, 0644, PAM_NOTE + rule);
    }
  }

  private void copy(String from, String to) throws ImageException {
    RegularFile file = tree.file(from);
    if (file != null && tree.find(to, true) == null) {
      tree.put(to, new RegularFile(file.attributes(), file.content()));
    }
  }

  private String readQuietly(String path) throws ImageException {
    try {
      return read(path);
    } catch (IOException e) {
      throw new ImageException("What was just written to the root disk cannot be read back.", e);
    }
  }

  private String read(String path) throws ImageException, IOException {
    RegularFile file = tree.file(path);
    return file == null ? "" : new String(file.content().bytes(), StandardCharsets.UTF_8);
  }
}
