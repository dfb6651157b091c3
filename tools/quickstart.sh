#!/usr/bin/env bash
# Installs what is missing, builds the program, and runs the main job: search a space of inverted bottlenecks for a 16-lane
# accelerator, then train the shortlist on Fashion-MNIST. Further arguments go to `assay search`.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release

journal=build/quickstart.journal
rm -rf "$journal" "$journal"-* "$journal".*
set -x
exec build/release/assay search spaces/ibn_fashion.toml \
  --accelerator spaces/accelerators/edge_npu_16.toml \
  --latency-ms 0.5 --memory-kib 128 \
  --evaluations 2000 --shortlist 5 \
  --train fashion-mnist --run "$journal" "$@"
