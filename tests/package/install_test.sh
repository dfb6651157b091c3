#!/usr/bin/env bash
# Installs the build, moves the prefix, runs the program there, and builds the example against it: install_test.sh BUILD SOURCE
set -euo pipefail
build=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$build" --prefix "$folder/first" >/dev/null
mv "$folder/first" "$folder/moved"
prefix=$folder/moved
for file in bin/assay share/man/man1/assay.1.gz share/man/man1/assay-search.1.gz share/bash-completion/completions/assay \
  share/assay/spaces/ibn_fashion.toml share/assay/spaces/accelerators/edge_npu_16.toml share/doc/assay/LICENSE; do
  [ -s "$prefix/$file" ] || { echo "$file was not installed" >&2; exit 1; }
done

# Names are found beside the program, wherever it is called from.
cd "$folder"
unset ASSAY_SPACES
"$prefix/bin/assay" space nasbench201 --format csv --quiet | grep -q cell.edge_0_1
"$prefix/bin/assay" estimate nasbench201 --sample 2 --accelerator edge_npu_16 --quiet | grep -q latency_ms
[ "$("$prefix/bin/assay" completion spaces)" = "$(cd "$source/spaces" && ls ./*.toml | sed 's|^./||; s|\.toml$||')" ]

# A prefix that was moved is as good as any, and nothing of the build is needed.
cmake -S "$source/tests/package" -B example -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_BUILD_TYPE=Release >configure.log 2>&1 ||
  { cat configure.log >&2; exit 1; }
if grep -rlF -e "$build" -e "$source" "$prefix"/lib*/ --include=*.cmake; then
  echo "The installed CMake package names the folder that it was built in." >&2
  exit 1
fi
cmake --build example >build.log 2>&1 || { cat build.log >&2; exit 1; }
example/example "$prefix/share/assay/spaces/nasbench201.toml" "$prefix/share/assay/spaces/accelerators/edge_npu_16.toml" |
  tee lines
[ "$(grep -c 'ms, rank score .*cell.edge_0_1=' lines)" = 3 ]
