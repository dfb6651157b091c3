#!/usr/bin/env bash
# Builds the library and its tests with sanitizers and runs them: tools/sanitize.sh [address|thread] [ctest arguments]
# "address" is AddressSanitizer and UndefinedBehaviorSanitizer together.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-address}
[ $# -gt 0 ] && shift
case $kind in
  address) export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 ;;
  # oneDNN and libgomp are not instrumented: what happens inside them is theirs.
  thread) export TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp" ;;
  *)
    echo "usage: tools/sanitize.sh [address|thread] [ctest arguments]" >&2
    exit 2
    ;;
esac
tools/setup.sh
cmake --preset "$kind" >/dev/null
cmake --build --preset "$kind"
ctest --preset "$kind" "$@"
