#!/usr/bin/env bash
# What bash offers: bash_completion_test.sh PROGRAM SOURCE
set -euo pipefail
program=$1 source=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failures=0

# shellcheck source=/dev/null
source <("$program" completion bash)

# Calls the completion of a line as readline does, the cursor at its end: breaks words at "=", too.
complete_line() {
  local word
  COMP_WORDS=("$program") COMPREPLY=()
  for word in "$@"; do
    if [[ $word == --*=* ]]; then
      COMP_WORDS+=("${word%%=*}" "=")
      [[ -z ${word#*=} ]] || COMP_WORDS+=("${word#*=}")
    else
      COMP_WORDS+=("$word")
    fi
  done
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _assay || true  # its status means nothing to readline
}

# offers "EXPECTED, sorted" WORD ... : all that is offered for the last word.
offers() {
  local expected=$1 found
  shift
  complete_line "$@"
  found=$(printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd ' ')
  if [[ $found != "$expected" ]]; then
    echo "assay $*: \"$found\" is offered instead of \"$expected\"" >&2
    failures=$((failures + 1))
  fi
}

# includes WORD|! WORD ...
includes() {
  local expected=$1
  shift
  complete_line "$@"
  [[ " ${COMPREPLY[*]} " == *" $expected "* ]] && return
  echo "assay $*: \"$expected\" is not among \"${COMPREPLY[*]}\"" >&2
  failures=$((failures + 1))
}

cd "$folder"
mkdir models spaces spaces/accelerators "my models"
touch mine.toml mine.onnx mine.json mine.csv run.journal models/deep.onnx "my models/a b.onnx"
touch spaces/own_space.toml spaces/accelerators/own_npu.toml spaces/accelerators/own_npu.estimator.json
export ASSAY_SPACES=$source/spaces

# Commands.
offers "search" sea
offers "man measure" m
includes completion ""
offers "--help --version" --

# Options, of their command only.
offers "--latency-ms" search --lat
offers "" space --lat
includes --resume search space.toml --
offers "" nonsense --

# Values that can be counted up, behind a space and behind "=".
offers "csv json table" space x.toml --format ""
offers "csv" space x.toml --format c
offers "csv json table" space x.toml --format=
offers "json" space x.toml --format=j
offers "evolution random" search --strategy ""
offers "14 15 16 17" export --opset ""
offers "drop keep" filter --rejected ""
offers "bf16" estimate --data-type b

# Lists: the last part, nothing twice.
offers "zen zico" score --scores z
offers "zen,zico" score --scores zen,z
offers "capacity,synflow,zen" score --scores capacity,synflow,ze

# Names of what is shipped, and files of the right kind.
offers "nasbench201 nats_size" space na
offers "mine.toml mnasnet_accel mobilenetv2 models my models" space m
offers "own_npu" estimate own_space --accelerator own
offers "own_npu" estimate own_space --estimator own
offers "mine.toml models my models" check --budget m
offers "edge_npu_16,own_npu" check --accelerator edge_npu_16,own
offers "mine.json mine.onnx models my models" check m
offers "models/deep.onnx" check models/
offers "mine.csv mine.json mine.onnx mine.toml" diff run.journal:1 mine
offers "my models/a b.onnx" check "my models/"
offers "run.journal" export --run r
offers "cifar-10 fashion-mnist models my models spaces" search x --train ""
offers "cpu" measure own_space --device cp

# Nothing where only the user knows.
offers "" search own_space --latency-ms ""
offers "search" man sea
offers "bash" completion b

exit $((failures > 0))
