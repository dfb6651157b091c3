#!/usr/bin/env zsh
# What zsh offers, asked for in a shell of its own: zsh_completion_test.zsh PROGRAM SOURCE
zmodload zsh/zpty || { print "Skipped: zsh was built without zpty."; exit 77 }
program=$1 source_folder=$2
folder=$(mktemp -d)
trap 'rm -rf $folder' EXIT
integer failures=0

mkdir -p $folder/{functions,work/models,work/spaces/accelerators,bin}
$program completion zsh > $folder/functions/_assay || exit 1
zsh -n $folder/functions/_assay || exit 1
ln -s $program $folder/bin/assay
cd $folder/work
touch mine.toml mine.onnx models/deep.onnx spaces/own_space.toml spaces/accelerators/own_npu.toml

# Every match that is added is written to a file, whatever the shell would do with it.
cat > $folder/.zshrc <<'RC'
PS1= PS2= RPS1=
fpath=($ZDOTDIR/functions $fpath)
path=($ZDOTDIR/bin $path)
autoload -Uz compinit && compinit -u -d $ZDOTDIR/dump
zstyle ':completion:*' verbose no
compadd() {
  local -a found
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)(| )* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -O found "$@"
  print -rl -- $found >> $ZDOTDIR/offered
  builtin compadd "$@"
}
complete-it() { : > $ZDOTDIR/offered; zle complete-word; : > $ZDOTDIR/done; BUFFER= }
zle -N complete-it
bindkey '^I' complete-it
: > $ZDOTDIR/ready
RC

export ZDOTDIR=$folder ASSAY_SPACES=$source_folder/spaces TERM=dumb
zpty -b shell "zsh -i" || { print "Skipped: there are no pseudo terminals."; exit 77 }
wait_for() {
  local i
  for i in {1..300}; do
    [[ -e $folder/$1 ]] && { rm -f $folder/$1; return 0; }
    zpty -r -t shell discarded 2>/dev/null
    sleep 0.1
  done
  print -u2 "zsh did not answer"
  exit 1
}
wait_for ready

# offers "EXPECTED, sorted" LINE
offers() {
  zpty -w -n shell "$2"$'\t'
  wait_for done
  local found=${(j: :)${(ou)${(f)"$(<$folder/offered)"}}}
  [[ $found == $1 ]] && return
  print -u2 "$2: \"$found\" is offered instead of \"$1\""
  ((failures++))
}

offers "search" "assay sea"
offers "--latency-ms" "assay search --lat"
offers "csv json table" "assay space x.toml --format "
offers "csv json table" "assay space x.toml --format="
offers "evolution random" "assay search --strategy "
offers "zen zico" "assay score --scores z"
offers "zico" "assay score --scores zen,zi"
offers "nasbench201 nats_size" "assay space na"
offers "own_npu" "assay estimate own_space --accelerator own"
offers "mine.onnx models" "assay check m"
offers "bash" "assay completion b"
offers "search" "assay man sea"
exit $((failures > 0))
