# What ./isola and ./dev share: finding a JDK and Maven, and installing what is missing.
# Sourced by bash; sets JAVA_HOME and PATH, prints to standard error alone.

isola_jdk=25

# In the locale "C" the JVM cannot name a file whose name is not ASCII: not in a volume, not in a test.
case "${LC_ALL:-${LC_CTYPE:-${LANG:-}}}" in
  *[Uu][Tt][Ff]*8*) ;;
  *) export LC_ALL=C.UTF-8 ;;
esac

isola_say() { printf '%s\n' "isola: $*" >&2; }

# Ends the script: Isola itself failed before it got to the user's command.
isola_fail() {
  isola_say "$*"
  exit 125
}

# Reads what the JDK at $1 says of itself: isola_release becomes its feature release (25, 26, ...) or 0, and
# isola_version all of its version. No program is called for it: this is done at each start.
isola_read_release() {
  local line
  isola_release=0 isola_version=
  [ -r "$1/release" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in
      JAVA_VERSION=* | JAVA_RUNTIME_VERSION=* | IMPLEMENTOR_VERSION=*) isola_version+=-${line#*=} ;;
    esac
    case $line in JAVA_VERSION=*) line=${line#*=} line=${line//\"/} isola_release=${line%%[!0-9]*} ;; esac
  done <"$1/release"
}

isola_fits() {
  isola_read_release "$1"
  [ "${isola_release:-0}" -ge "$isola_jdk" ]
}

# Sets JAVA_HOME to a JDK that is new enough: the caller's own first, then java on the PATH, then the usual folder.
# With "javac" as $1 a mere runtime does not do.
isola_find_jdk() {
  local need=${1:-java} candidate
  isola_try_jdk "${JAVA_HOME:-}" && return 0
  candidate=$(readlink -f "$(command -v java 2>/dev/null)" 2>/dev/null)
  for candidate in "${candidate%/bin/java}" /usr/lib/jvm/*"$isola_jdk"* /usr/lib/jvm/*; do
    isola_try_jdk "$candidate" && return 0
  done
  return 1
}

isola_try_jdk() {
  [ -n "$1" ] && [ -x "$1/bin/$need" ] && isola_fits "$1" && export JAVA_HOME=$1 PATH=$1/bin:$PATH
}

isola_have_maven() { command -v mvn >/dev/null 2>&1; }

# Is this Debian or one of its children, with apt?
isola_is_debian() {
  command -v apt-get >/dev/null 2>&1 && [ -r /etc/os-release ] \
    && (. /etc/os-release; case " ${ID:-} ${ID_LIKE:-} " in *" debian "*) true ;; *) false ;; esac)
}

# Installs the packages $2... through apt-get, saying so; asks first on a terminal unless $1 is "yes".
isola_apt_install() {
  local yes=$1 sudo= answer
  shift
  isola_is_debian \
    || isola_fail "missing: $*. Install JDK $isola_jdk or later and Maven 3.8 or later, set JAVA_HOME, and run this again."
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 \
      || isola_fail "missing: $*. Install them as root: apt-get install $*"
    sudo=sudo
  fi
  if [ "$yes" != yes ] && [ -t 0 ] && [ -t 2 ]; then
    printf '%s' "isola: this needs the Debian packages $*. Install them with apt-get now? [Y/n] " >&2
    read -r answer || answer=n
    case $answer in '' | [Yy]*) ;; *) isola_fail "not installed: $*. Nothing was changed." ;; esac
  fi
  isola_say "installing with apt-get: $*"
  local log
  log=$(mktemp) || isola_fail "cannot write a temporary file; is the disk full?"
  if ! { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    rm -f "$log"
    isola_fail "apt-get could not install: $*"
  fi
  rm -f "$log"
}

# Makes sure that a JDK to build with and Maven are there; $1 is "yes" where nobody is to be asked. The other
# arguments say what must exist too, as command=package or /a/file=package.
isola_build_tools() {
  local yes=$1 missing=() pair
  shift
  isola_find_jdk javac || missing+=("openjdk-$isola_jdk-jdk-headless")
  isola_have_maven || missing+=(maven)
  for pair in "$@"; do
    [ -e "${pair%%=*}" ] || command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  isola_apt_install "$yes" "${missing[@]}"
  isola_find_jdk javac || isola_fail "no JDK $isola_jdk or later was found, even after installing one; set JAVA_HOME to it."
  isola_have_maven || isola_fail "Maven was not found, even after installing it."
}
