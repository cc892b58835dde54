#!/bin/sh
# install.sh CMAKE BUILD PREFIX: install a build into an empty PREFIX and try the program from there.
set -eu
cmake=$1 build=$2 prefix=$3

rm -rf "$prefix"
"$cmake" --install "$build" --prefix "$prefix"
"$prefix/bin/sheaf" --version
