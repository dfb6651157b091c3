#!/usr/bin/env bash
# Installs what assay needs to build, test and run its main job on Debian 12. Does nothing, and needs no network, when all of it is
# there already. With --tests also what only tests need, and are skipped without: a browser of some 300 MB for a report's page, zsh
# for its completion, groff for the manual.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache
  libdnnl-dev ocl-icd-opencl-dev # the CMake package of oneDNN asks for OpenCL, but only recommends it
  libeigen3-dev libboost-dev libboost-program-options-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev
  librandom123-dev libxxhash-dev libsqlitecpp-dev libsqlite3-dev zlib1g-dev libnlopt-dev
  libonnx-dev libprotobuf-dev protobuf-compiler libonnx-testdata # ONNX models, and what the tests read
  doctest-dev libbenchmark-dev
  dataset-fashion-mnist # the images that the quick start trains on
)

[ "${1:-}" = --tests ] && packages+=(chromium zsh groff-base)

missing=()
for package in "${packages[@]}"; do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "These packages are missing and only root may install them: ${missing[*]}. Run this script as root." >&2
    exit 2
  }
  sudo=(sudo)
fi
echo "Installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
