# SPDX-License-Identifier: Apache-2.0
# The scripts as a table of C strings:  cmake -DOUT=FILE -P embed.cmake
set(rows "")
foreach(pair bash:jobctl.bash zsh:_jobctl fish:jobctl.fish)
        string(REPLACE ":" ";" pair ${pair})
        list(GET pair 0 shell)
        list(GET pair 1 name)
        file(READ ${CMAKE_CURRENT_LIST_DIR}/${name} text)
        string(REPLACE "\\" "\\\\" text "${text}")
        string(REPLACE "\"" "\\\"" text "${text}")
        string(REPLACE "\n" "\\n\"\n          \"" text "${text}")
        string(APPEND rows "        { \"${shell}\",\n          \"${text}\" },\n")
endforeach()
file(WRITE ${OUT} "/* Made by client/completion/embed.cmake. */
#include <stddef.h>

#include \"client/cmd/completion.h\"

const struct completion_script completion_scripts[] = {
${rows}        { NULL, NULL },
};
")
