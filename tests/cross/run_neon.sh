#!/bin/sh
# run_neon.sh CC QEMU REPO: the tests of the scan kernels on AArch64, in an emulator. Without the
# cross compiler or the emulator they are skipped (77).
set -eu
cc=$1 qemu=$2
cd "$3"

case "$cc $qemu" in
*-NOTFOUND*)
    echo "SKIPPED: gcc-aarch64-linux-gnu or qemu-user is missing, so the NEON kernel was not run"
    exit 77
    ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$cc" -D_GNU_SOURCE -std=c11 -O2 -Wall -Wextra -Wno-missing-field-initializers -Werror -static \
    -ffunction-sections -Wl,--gc-sections -Itests/cross -I. -Iinclude \
    tests/test_scan.c readers/scan/scan.c readers/scan/scalar.c readers/scan/neon.c \
    engine/core/error.c engine/core/text.c engine/core/utf8.c -o "$work/test_scan"
for test in $(sed -n 's/^Test(scan, \([a-z0-9_]*\).*/\1/p' tests/test_scan.c); do
    "$qemu" "$work/test_scan" "$test" || {
        echo "FAILED: $test"
        exit 1
    }
done
