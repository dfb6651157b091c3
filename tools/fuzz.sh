#!/usr/bin/env bash
# Fuzzes the ONNX import for so many seconds (3600 without an argument) and ends with an error when it crashes, hangs for 10 s or
# takes more than 2 GiB. Needs clang, and python3-torchvision and python3-onnx for the seeds.
#   tools/fuzz.sh [SECONDS] [FOLDER]
# More seeds: ASSAY_KEEP_MODELS=FOLDER/seeds ctest -R onnx keeps the models of the tests.
set -euo pipefail
seconds=${1:-3600}
root=$(cd "$(dirname "$0")/.." && pwd)
folder=${2:-$root/build/fuzz}

cmake -S "$root/tests/fuzz" -B "$folder/build" -G Ninja -DCMAKE_CXX_COMPILER="${CXX:-clang++}" >/dev/null
ninja -C "$folder/build"
[ -d "$folder/seeds" ] || /usr/bin/python3 "$root/tools/fuzz_corpus.py" "$folder/seeds"
mkdir -p "$folder/corpus" "$folder/findings"
"$folder/build/onnx_import_fuzzer" "$folder/corpus" "$folder/seeds" -max_total_time="$seconds" -max_len=16384 \
  -rss_limit_mb=2048 -timeout=10 -artifact_prefix="$folder/findings/" -print_final_stats=1
