#!/usr/bin/env bash
# Installs what is missing, builds everything with warnings as errors, and runs all tests.
# Arguments go to ctest: tools/test.sh -R network
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh --tests
cmake --preset test >/dev/null
cmake --build --preset test
ctest --preset test -j "$(nproc)" "$@"
