# SPDX-License-Identifier: Apache-2.0
#
# Completion of jobctl's words in fish: asks `jobctl __complete`, and leaves files, folders and other commands
# to fish (client/cmd/complete_out.c tells the form of the answer). Nothing that comes from jobctl is ever
# evaluated.

function __jobctl_complete
        set -l words (commandline -opc)
        set -l current (commandline -ct)
        set -l lines (command jobctl __complete fish $words[2..-1] "$current" 2>/dev/null)
        set -l first (string split \t -- $lines[1])
        set -l head "$first[2]"
        switch "$first[1]"
                case command
                        set -l own (math $head + 2)
                        complete -C (string join ' ' -- (string escape -- $words[$own..-1]) "$current")
                case files folders
                        # Only the names: what stands before them in the word stays there.
                        set -l rest (string sub -s (math (string length -- "$head") + 1) -- "$current")
                        set -l names (complete -C "'' $rest" | string split -f1 \t)
                        for name in $names
                                test $first[1] = files; or string match -q -- '*/' $name; and printf '%s%s\n' $head $name
                        end
                case words
                        string sub -s 2 -- $lines[2..-1]
        end
end

complete -c jobctl -f -k -a '(__jobctl_complete)'
