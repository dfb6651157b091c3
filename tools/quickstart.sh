#!/usr/bin/env bash
# Installs what is missing, builds the program, and runs the main job: search a space of inverted bottlenecks for a 16-lane
# accelerator, then train the shortlist on Fashion-MNIST. Further arguments go to `assay search`.
set -euo pipefail
cd "$(dirname "$0")/.."

tools/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release

# What an expert might begin with: a stem, then inverted bottlenecks with depthwise convolutions (MobileNetV2's blocks).
baseline="depth_multiplier=1.0 activation=relu stem.channels=16 stem.stride=1
  stage1.block=ibn stage1.depth=1 stage1.channels=16 stage1.kernel=3 stage1.expansion=1
  stage2.block=ibn stage2.depth=2 stage2.channels=24 stage2.kernel=3 stage2.expansion=6
  stage3.block=ibn stage3.depth=3 stage3.channels=48 stage3.kernel=3 stage3.expansion=6 head.channels=128"

journal=build/quickstart.journal
rm -rf "$journal" "$journal"[.-]*
set -x
exec build/release/assay search spaces/ibn_fashion.toml \
  --accelerator spaces/accelerators/edge_npu_16.toml \
  --latency-ms 0.08 --memory-kib 64 --baseline "$baseline" \
  --evaluations 2000 --shortlist 5 \
  --train fashion-mnist --epochs 4 --format table --run "$journal" "$@"
