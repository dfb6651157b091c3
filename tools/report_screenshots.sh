#!/usr/bin/env bash
# Pictures of a report's page as laptops and phones show it, light and dark, and as it is printed: to be looked at after every
# change of the page. Needs chromium.
#   tools/report_screenshots.sh FOLDER [REPORT.html]    (a made-up run where no report is given)
set -euo pipefail
[ $# -ge 1 ] || {
  sed -n '2,4s/^# *//p' "$0" >&2
  exit 2
}
folder=$(realpath -m "$1")
page=${2:+$(realpath "$2")}
cd "$(dirname "$0")/.."
cmake --preset test >/dev/null
cmake --build --preset test --target report_page_test
export ASSAY_SCREENSHOTS=$folder
[ -z "$page" ] || export ASSAY_REPORT_PAGE=$page
build/test/tests/report_page_test --test-case="pictures of the page"
echo "The pictures are in $folder" >&2
