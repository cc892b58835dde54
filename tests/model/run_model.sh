#!/bin/sh
# run_model.sh SPIN CC MODEL holds|fails [-D...]: check a model in all its states.
#
# "holds": no assertion fails, no process is ever stuck, the search was complete, and the judge got
# to his end. "fails": an error is found, which a model with a step taken away must have. Without
# Spin the test is skipped (77).
set -eu
spin=$1 cc=$2 model=$3 expected=$4
shift 4

case $spin in
*-NOTFOUND)
    echo "SKIPPED: spin is not installed (Debian: spin), so this model was not checked"
    exit 77
    ;;
esac

here=$(dirname "$model")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/*.pml "$work"
cd "$work"

"$spin" "$@" -a "$(basename "$model")"
optimize=-O2
[ "$expected" = holds ] || optimize=-O0 # an error is found soon: what takes time is to compile
"$cc" -w $optimize -DSAFETY -DCOLLAPSE -DMEMLIM=4000 -o pan pan.c
./pan -m5000 -w25 >said || true # its exit code says little

if [ "$expected" = fails ]; then
    if ! grep -q 'errors: [1-9]' said; then
        cat said
        echo "FAILED: a step was taken away, and nothing was found to be wrong"
        exit 1
    fi
    grep '^pan:1' said
    exit 0
fi

grep -E 'errors:|states, stored|^pan' said || true
wrong=
grep -A1 'unreached in proctype judge' said | grep -q '(0 of' ||
    wrong="the judge never got to his end"
grep -qE 'search depth too small|MEMLIM|not completed' said && wrong="the search was not complete"
grep -q 'errors: 0' said || wrong="an error was found"
[ -z "$wrong" ] && exit 0
cat said
[ -f ./*.trail ] && "$spin" "$@" -t -p -g "$(basename "$model")" | tail -100 # the way to it
echo "FAILED: $wrong"
exit 1
