#!/usr/bin/env bash
# Builds everything with sanitizers and runs all tests: tools/sanitize.sh [address|undefined|thread|all] [ctest arguments]
# AddressSanitizer with LeakSanitizer, UndefinedBehaviorSanitizer, ThreadSanitizer; "all" is one after the other.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-address}
[ $# -gt 0 ] && shift
case $kind in
  address | undefined | thread) kinds=("$kind") ;;
  all) kinds=(address undefined thread) ;;
  *)
    echo "usage: tools/sanitize.sh [address|undefined|thread|all] [ctest arguments]" >&2
    exit 2
    ;;
esac
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
# oneDNN and libgomp are not instrumented: what happens inside them is theirs.
export TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp"

times=()
phase() {  # NAME COMMAND ...
  local begin=$SECONDS name=$1
  shift
  "$@"
  times+=("$name $((SECONDS - begin)) s")
}

tools/setup.sh --tests
for kind in "${kinds[@]}"; do
  cmake --preset "$kind" >/dev/null
  phase "$kind: build" cmake --build --preset "$kind"
  phase "$kind: tests" ctest --preset "$kind" -j "$(nproc)" "$@"
done
printf '%s\n' "${times[@]}"
