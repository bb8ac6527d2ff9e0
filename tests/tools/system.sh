#!/bin/sh
# Runs a static program of another architecture on a real Linux kernel, in a machine of two CPUs that qemu-system makes.
# SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors
#
#   sh tests/tools/system.sh -k ARCH ...                      brings Debian's kernels below build/kernels (apt-get; installs nothing)
#   sh tests/tools/system.sh -m ARCH                          prints what is missing here; nothing: all is there
#   sh tests/tools/system.sh ARCH PROGRAM [argument ...]      exits as the program did; 125: the machine did not get as far
#
# ARCH is s390x, aarch64 or arm, as qemu calls them. The program finds /proc, /sys, /dev, /tmp, lo, tests/golden, a program called true, and the TEST_
# variables; one machine a program, so that none meets what another left. SYSTEM_CC compiles init.c, which is process 1 there.

set -u
cd "$(dirname "$0")/../.." || exit 2

# machine ARCH: sets debian package emulator machine console
machine() {
    case $1 in
    s390x) debian=s390x package=linux-image-s390x emulator=qemu-system-s390x machine="s390-ccw-virtio -cpu max" console=ttysclp0 ;;
    aarch64) debian=arm64 package=linux-image-arm64 emulator=qemu-system-aarch64 machine="virt -cpu cortex-a72" console=ttyAMA0 ;;
    arm) debian=armhf package=linux-image-armmp emulator=qemu-system-arm machine="virt -cpu cortex-a15" console=ttyAMA0 ;;
    *) echo "system.sh: no machine for $1" >&2; exit 2 ;;
    esac
    kernel=build/kernels/$1/kernel
}

# The package of a kernel is named after its version; the one without a version depends on the newest.
fetch() {
    machine "$1"
    folder=$PWD/build/kernels/$1
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
    apt="-qq -o APT::Architecture=$debian -o APT::Architectures=$debian -o APT::Sandbox::User=root -o Dir::State=$folder/apt
        -o Dir::State::status=/dev/null -o Dir::Cache=$folder/apt/cache -o Acquire::Languages=none"
    apt-get $apt update || true                     # some list that has nothing to do with it may fail
    package=$(apt-cache $apt depends "$package" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1)
    [ -n "$package" ] || { echo "$1: no kernel in Debian's lists" >&2; return 1; }
    rm -rf "$folder/boot" "$folder"/*.deb
    (cd "$folder" && apt-get $apt download "$package") &&
        dpkg-deb --fsys-tarfile "$folder/$package"*.deb | tar -x -C "$folder" ./boot && mv "$folder"/boot/vmlinuz-* "$kernel" || return 1
    echo "$1: $(basename "$folder/$package"*.deb)"
    rm -rf "$folder/boot" "$folder/apt" "$folder"/*.deb
}

case ${1:-} in
-k)
    shift
    for arch; do fetch "$arch" || exit 1; done
    exit ;;
-m)
    machine "$2"
    for tool in "$emulator" cpio; do command -v "$tool" >/dev/null 2>&1 || { echo "no $tool"; exit; }; done
    [ -f "$kernel" ] || echo "no kernel: make cross-kernels"
    exit ;;
esac
[ $# -ge 2 ] || { sed -n '2,11p' "$0" | sed 's/^# \{0,1\}//'; exit 2; }

arch=$1 program=$2
shift 2
machine "$arch"
folder=${TEST_BUILD_DIR:-build/kernels/$arch/run} name=$(basename "$program")
rm -rf "$folder/root"
mkdir -p "$folder/root/bin" "$folder/root/etc" "$folder/root/tests" || exit 2
init=build/kernels/$arch/init
[ "$init" -nt tests/tools/init.c ] || $SYSTEM_CC -Wall -Wextra tests/tools/init.c -o "$init" || exit 2
cp "$init" "$folder/root/init" && ln "$folder/root/init" "$folder/root/bin/true" && cp "$program" "$folder/root/$name" &&
    cp -r tests/golden "$folder/root/tests/" || exit 2
printf '127.0.0.1 localhost\n::1 localhost\n' >"$folder/root/etc/hosts"
(cd "$folder/root" && find . | cpio -o -H newc --quiet) >"$folder/initrd" || exit 2
export TEST_SLACK_MS="${TEST_SLACK_MS:-1000}"      # such machines are late
variables=$(env | grep -E '^TEST_[A-Z_]+=[^ ]*$' | grep -v '^TEST_BUILD_DIR=' | tr '\n' ' ')

$emulator -M $machine -smp 2 -m 1024 -nodefaults -display none -monitor none -serial stdio -no-reboot -kernel "$kernel" \
    -initrd "$folder/initrd" -append "console=$console quiet loglevel=1 panic=-1 $variables TEST_BUILD_DIR=/tmp -- /$name $*" \
    </dev/null 2>&1 | tee "$folder/console"
status=$(sed -n 's/^exit status \([0-9]*\).*/\1/p' "$folder/console" | tail -n 1)
exit "${status:-125}"
