#!/usr/bin/env bash
# Builds the Debian packages, installs the program's in a clean Debian 12 (debootstrap), runs it there, and removes it again. Needs
# root, debootstrap, dpkg-dev and the network that apt uses here.
#   tools/deb_test.sh [--library]     also installs libassay-dev with a compiler, and builds tests/package against it
set -euo pipefail
cd "$(dirname "$0")/.."

[ "$(id -u)" -eq 0 ] || { echo "Only root may make a chroot. Run this script as root." >&2; exit 2; }
for tool in debootstrap dpkg-shlibdeps; do
  command -v "$tool" >/dev/null || { echo "$tool is missing. Install debootstrap and dpkg-dev." >&2; exit 2; }
done

tools/setup.sh
cmake --preset package >/dev/null
cmake --build --preset package
rm -f build/package/*.deb
(cd build/package && cpack >/dev/null)
program=$(echo build/package/assay_*.deb)
library=$(echo build/package/libassay-dev_*.deb)
for package in "$program" "$library"; do
  dpkg-deb --info "$package"
  command -v lintian >/dev/null && lintian --allow-root "$package"
done

# The mirror and the proxy are those of this machine's apt.
release=bookworm
mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' | awk -v r="$release" '$2 == r { print $1; exit }')
proxy=$(apt-config shell proxy Acquire::http::Proxy)
eval "$proxy"
export http_proxy=${proxy:-${http_proxy:-}}

root=$(mktemp -d)
chmod 755 "$root" # apt fetches as a user of its own
mounted=()
clean_up() {
  for place in "${mounted[@]}"; do umount "$place"; done
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT
debootstrap --variant=minbase "$release" "$root" "$mirror" >"$root.log" || { cat "$root.log" >&2; exit 1; }
rm -f "$root.log"
cp /etc/resolv.conf "$root/etc/resolv.conf"
[ -z "$http_proxy" ] || echo "Acquire::http::Proxy \"$http_proxy\";" >"$root/etc/apt/apt.conf.d/proxy"
# Without /proc the program cannot look up where it lies itself, and without pseudo terminals no shell can be tried.
mount -t proc proc "$root/proc" && mounted+=("$root/proc")
mount -t devpts devpts "$root/dev/pts" -o newinstance,ptmxmode=0666 && mounted+=("$root/dev/pts") && ln -sf pts/ptmx "$root/dev/ptmx"

inside() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
    http_proxy="$http_proxy" bash -euo pipefail -c "$1"
}
cp "$program" "$root/root/assay.deb"
cp "$library" "$root/root/libassay-dev.deb"
cp -r tests/package "$root/root/tests"

inside "apt-get update -qq
        apt-get install -y -qq --no-install-recommends /root/assay.deb >/dev/null
        dpkg -L assay | xargs -I{} sh -c 'test -d {} || echo {}' >/root/files"

echo "--- the program, as installed"
inside 'cd /root
  assay --version
  ldd /usr/bin/assay | { ! grep "not found"; }
  assay estimate nasbench201 --sample 3 --accelerator edge_npu_16 --format table
  assay search ibn_fashion --accelerator edge_npu_16 --latency-ms 0.1 --evaluations 20 --shortlist 2 --run try.journal --format table
  test -s try.journal'

echo "--- manual and completion, by man, bash-completion and zsh"
inside 'apt-get install -y -qq --no-install-recommends man-db groff-base bash-completion zsh >/dev/null
  man -P cat assay | grep -q "assay-search(1)"
  man -P cat assay-search 2>&1 | grep -q -e --latency-ms
  man -P cat assay search >/dev/null
  mkdir -p /root/source && ln -sfn /usr/share/assay/spaces /root/source/spaces
  bash /root/tests/bash_completion_test.sh /usr/bin/assay /root/source
  bash -ic "source /usr/share/bash-completion/bash_completion; _completion_loader assay; complete -p assay" 2>/dev/null | grep -q _assay
  zsh /root/tests/zsh_completion_test.zsh /usr/bin/assay /root/source
  bash /root/tests/manual_test.sh /usr/bin/assay'

if [ "${1:-}" = --library ]; then
  echo "--- the library"
  inside 'apt-get install -y -qq --no-install-recommends /root/libassay-dev.deb g++ cmake make >/dev/null
    cd /root && cmake -S tests -B example >/dev/null && cmake --build example
    example/example /usr/share/assay/spaces/nasbench201.toml /usr/share/assay/spaces/accelerators/edge_npu_16.toml
    apt-get purge -y -qq libassay-dev >/dev/null'
fi

echo "--- removed"
inside 'apt-get purge -y -qq assay >/dev/null
  while read -r file; do test ! -e "$file" || { echo "$file is left" >&2; exit 1; }; done </root/files
  left=$(find /etc /usr /var -path /var/lib/apt -prune -o -path /var/cache -prune -o -iname "*assay*" -print)
  test -z "$left" || { echo "left: $left" >&2; exit 1; }'
echo "Installed, run, and removed without a trace."
