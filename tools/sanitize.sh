#!/usr/bin/env bash
# Builds everything with sanitizers and runs all tests: tools/sanitize.sh [address|undefined|thread|all] [ctest arguments]
# "address" is AddressSanitizer with UndefinedBehaviorSanitizer, "undefined" the latter alone, "all" is address and thread.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-address}
[ $# -gt 0 ] && shift
case $kind in
  address | undefined | thread) kinds=("$kind") ;;
  all) kinds=(address thread) ;;
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
