#!/bin/sh
# pkg_config.sh CC PREFIX LIBDIR WORK VERSION: build and run outside.c with what pkg-config says, nothing else.
set -eu
cc=$1 prefix=$2 libdir=$3 work=$4 version=$5
here=$(dirname "$0")
export PKG_CONFIG_PATH="$prefix/$libdir/pkgconfig"

said=$(pkg-config --modversion sheaf)
[ "$said" = "$version" ] || { echo "pkg-config: version $said, expected $version"; exit 1; }

rm -rf "$work"
mkdir -p "$work"
set -x
# The flags are meant to be split into words.
"$cc" -o "$work/shared" "$here/outside.c" $(pkg-config --cflags --libs sheaf)
LD_LIBRARY_PATH="$prefix/$libdir" "$work/shared"

# Ours static shows that the private libraries are complete. (Not all of them are there as archives.)
flags=$(pkg-config --static --cflags --libs sheaf | sed 's/-lsheaf/-l:libsheaf.a/')
"$cc" -o "$work/static" "$here/outside.c" $flags
"$work/static"
