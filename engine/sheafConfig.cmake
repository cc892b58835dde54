# find_package(sheaf): sheaf::sheaf is the shared library, sheaf::static the static one.
#
# The shared library brings what it needs. The static one needs these four when it is linked, so they are
# looked for, but are no condition for finding sheaf: who links sheaf::static without one of them is told by
# CMake which target is missing.
include(${CMAKE_CURRENT_LIST_DIR}/FindLibCSV.cmake)
find_package(ZLIB QUIET)
find_package(SQLite3 QUIET)
find_package(Threads QUIET)

include(${CMAKE_CURRENT_LIST_DIR}/sheafTargets.cmake)
