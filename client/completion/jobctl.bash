# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of jobctl's words in bash: asks `jobctl __complete`, which reads the line as it was typed and
# answers with text that can be put into it as it is (client/cmd/complete_out.c tells the form). A command
# behind `run` and its kin is completed as if it stood alone, by bash-completion where that is loaded.
# Nothing that comes from jobctl is ever evaluated.

# $1: the other command's text up to the cursor.
_jobctl_command() {
        local lead=${COMP_LINE:0:COMP_POINT} complete_offset='' n=0
        lead=${lead:0:${#lead}-${#1}}
        if declare -F _comp_command_offset >/dev/null; then
                complete_offset=_comp_command_offset
        elif declare -F _command_offset >/dev/null; then
                complete_offset=_command_offset
        elif [[ $1 == *[[:space:]]* ]]; then
                compopt -o default
                return
        else
                mapfile -t COMPREPLY < <(compgen -c -- "$1")
                [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default
                return
        fi
        # Which of COMP_WORDS it begins with: those before are cut off one by one.
        while [[ $lead == *[![:space:]]* && $n -lt $COMP_CWORD ]]; do
                lead=${lead#*"${COMP_WORDS[n]}"}
                n=$((n + 1))
        done
        "$complete_offset" "$n"
}

_jobctl() {
        local action='' line='' is_open=''
        COMPREPLY=()
        {
                IFS= read -r action
                while IFS= read -r line; do
                        [[ $line == -* ]] && is_open=yes
                        COMPREPLY+=("${line:1}")
                done
        } < <(command jobctl __complete bash "$COMP_WORDBREAKS" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
        case ${action%%$'\t'*} in
        files) compopt -o default ;;
        folders) compopt -o dirnames ;;
        command) _jobctl_command "${action#*$'\t'}" ;;
        *)
                compopt -o nosort 2>/dev/null
                [[ -z $is_open ]] || compopt -o nospace
                ;;
        esac
        return 0
} &&
        complete -F _jobctl jobctl
