# What scripts/demo, scripts/test and .ci/run share: install what the build needs, build a preset, tell how long it took.
# Meant to be sourced; it changes into the project's root.
# shellcheck shell=bash
set -euo pipefail
script=$(realpath "$0")
CDPATH='' cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '==> %s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# The leading comment of the script that was started.
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$script"; }

# Debian 12's oneDNN asks for OpenCL when CMake looks for it, although nothing here runs on a GPU. gnuplot draws the
# figures of report.html when it is there.
packages=(g++ cmake ninja-build libdnnl-dev ocl-icd-opencl-dev libopenblas-dev libboost-test-dev libcli11-dev
  nlohmann-json3-dev libstb-dev zlib1g-dev gnuplot-nox)

# shellcheck disable=SC2034  # for scripts/fuzz and .ci/run; libFuzzer and the sanitizers are in the second
clang_packages=(clang libclang-rt-dev)

# `lap NAME` ends a stage and remembers how long it took; `report_laps` prints them all.
laps=() lap_start=$SECONDS
lap() {
  laps+=("$1 $((SECONDS - lap_start)) s")
  lap_start=$SECONDS
}
report_laps() {
  local line
  line=$(printf ', %s' "${laps[@]}")
  say "Time: ${line#, }."
}

# Runs apt-get as root, quietly; what it says goes to the log.
apt_quietly() {
  local as_root=()
  [[ $EUID -eq 0 ]] || as_root=(sudo)
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    apt-get -q -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null >>build/apt.log 2>&1
}

# install PACKAGE...: installs those that are missing; no apt call when none is.
install() {
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0

  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || die "needs root or sudo to install: ${missing[*]}"
    [[ -t 0 ]] || sudo -n true 2>/dev/null || die "sudo needs a password, and there is no terminal; install: ${missing[*]}"
    sudo -v || die "sudo refused; install as root: ${missing[*]}"
  fi
  say "Installing with apt-get: ${missing[*]}"
  mkdir -p build
  : >build/apt.log
  # An unreachable third-party source fails the update but need not concern us: the installation tells.
  apt_quietly update || true
  if ! apt_quietly install --no-install-recommends "${missing[@]}"; then
    grep -E '^(E|W|Err):?' build/apt.log | head -n 8 >&2 || true
    die "apt-get could not install ${missing[*]}; is there a network? Its whole output is in build/apt.log"
  fi
}

set_up() {
  if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install "${packages[@]}"
  else
    say "This is not Debian: going on with what is here. Needed, by their Debian names: ${packages[*]}"
    command -v cmake >/dev/null || die "no cmake found; version 3.25 or newer is needed"
    command -v ninja >/dev/null || die "no ninja found"
  fi
  lap set-up
}

# build PRESET [TARGET]
build() {
  say "Building ${2:-everything} in build/$1"
  mkdir -p build
  if ! cmake --preset "$1" >build/configure.log 2>&1; then
    cat build/configure.log >&2
    die "CMake could not configure the preset '$1': see above"
  fi
  cmake --build --preset "$1" ${2:+--target "$2"} || die "the build of the preset '$1' failed: see above"
  lap build
}
