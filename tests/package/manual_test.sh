#!/usr/bin/env bash
# The manual pages are clean roff and say what --help says: manual_test.sh PROGRAM
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$program" man --folder "$folder"
[ "$("$program" man)" = "$(cat "$folder/assay.1")" ]

for page in "$folder"/*.1; do
  name=$(basename "$page" .1)
  warnings=$(groff -ww -Tutf8 -man "$page" 2>&1 >"$page.txt") || true
  if [ -n "$warnings" ]; then
    echo "$name: $warnings" >&2
    exit 1
  fi
  if LC_ALL=C grep -nP '[^\x00-\x7f]' "$page"; then
    echo "$name holds bytes that are no ASCII" >&2
    exit 1
  fi
done

# Every word of the help stands in the page in the same order, but for layout and defaults.
for name in search check export; do
  "$program" "$name" --help | tail -n +3 | tr -s ' \n' '\n\n' | grep -E '^--[a-z-]+$' >"$folder/options"
  sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g' "$folder/assay-$name.1.txt" | tr -s ' \n' '\n\n' >"$folder/words"
  while read -r option; do
    grep -qxF -e "$option" "$folder/words" || { echo "assay-$name(1) lacks $option" >&2; exit 1; }
  done <"$folder/options"
done
# What roff would take for its own is text: a line that begins with a dot, a backslash, hyphens of options.
sed 's/\x1b\[[0-9;]*m//g' "$folder/assay-search.1.txt" | grep -qF -e '--latency-ms 0.5 --memory-kib 96' ||
  { echo "assay-search(1) changed its example" >&2; exit 1; }
