# SPDX-License-Identifier: Apache-2.0
#
# Writes version_made.h:  cmake -D SOURCE=DIR -D VERSION=TEXT -D PACKAGE=TEXT -D OUTPUT=FILE -P version.cmake
#
# The digits are those of a SHA-256 over names and contents of all that makes the daemon and the worker,
# in the order of the names, and of PACKAGE, the version of the package: one that was built again with
# other libraries is another build. With -D PLAIN=ON there are none.
set(build "${VERSION}")
if(NOT PLAIN)
        set(all "${PACKAGE}\n")
        file(GLOB_RECURSE sources LIST_DIRECTORIES false RELATIVE ${SOURCE}
                ${SOURCE}/common/* ${SOURCE}/proto/* ${SOURCE}/daemon/* ${SOURCE}/worker/*)
        list(FILTER sources INCLUDE REGEX "\\.(c|h|proto|cmake)$|/CMakeLists\\.txt$")
        list(SORT sources)
        foreach(name CMakeLists.txt ${sources})
                file(SHA256 ${SOURCE}/${name} digest)
                string(APPEND all "${digest} ${name}\n")
        endforeach()
        string(SHA256 digest "${all}")
        string(SUBSTRING ${digest} 0 12 digest)
        string(APPEND build "+${digest}")
endif()
# Not touched when it says so already.
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define VERSION_TEXT \"@VERSION@\"\n#define VERSION_BUILD \"@build@\"\n"
        @ONLY NEWLINE_STYLE UNIX)
