"""``completion``: scripts for shells. Each asks ``podbay __complete`` and offers what it answers.

Pure texts. Source: the shells' manuals on programmable completion.
"""

import sys
from typing import Final

from podbay.kubectl.errors import UsageError
from podbay.kubectl.flags import Flag, parse

FLAGS: Final[tuple[Flag, ...]] = ()
_BASH: Final = r"""# bash completion for podbay: source <(podbay completion bash)
__podbay_complete() {
    local words answer directive line candidates=()
    if declare -F _get_comp_words_by_ref >/dev/null; then
        local cur prev words cword
        _get_comp_words_by_ref -n "=:" cur prev words cword
    else
        words=("${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur=${words[cword]}
    fi
    answer=$("${words[0]}" __complete "${words[@]:1:cword}" 2>/dev/null) || return
    directive=${answer##*:}
    while IFS= read -r line; do
        [[ $line == :* || -z $line ]] || candidates+=("${line%%$'\t'*}")
    done <<<"$answer"
    COMPREPLY=()
    for line in "${candidates[@]}"; do
        [[ $line == "$cur"* ]] && COMPREPLY+=("$line")
    done
    if [[ ${#COMPREPLY[@]} -eq 0 && $((directive & 4)) -eq 0 ]]; then
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
    declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
}
complete -o default -F __podbay_complete podbay
"""
_ZSH: Final = r"""#compdef podbay
# zsh completion for podbay: source <(podbay completion zsh)
_podbay() {
    local answer directive line
    local -a candidates
    answer=$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null) || return
    directive=${answer##*:}
    for line in "${(@f)answer}"; do
        [[ $line == :* || -z $line ]] && continue
        candidates+=("${${line//:/\\:}/$'\t'/:}")
    done
    if (( ${#candidates} )); then
        _describe -V podbay candidates
    elif (( (directive & 4) == 0 )); then
        _files
    fi
}
if [[ "${funcstack[1]}" == "_podbay" ]]; then
    _podbay
else
    compdef _podbay podbay
fi
"""
_FISH: Final = r"""# fish completion for podbay: podbay completion fish | source
function __podbay_complete
    set -l words (commandline -opc) (commandline -ct)
    $words[1] __complete $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c podbay -f -a '(__podbay_complete)'
"""
_POWERSHELL: Final = r"""# PowerShell: podbay completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName podbay -ScriptBlock {
    param($word, $ast, $position)
    $words = @($ast.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if (-not $word) { $words += '""' }
    & podbay __complete @words 2>$null | Where-Object { $_ -notlike ':*' } | ForEach-Object {
        $name, $told = $_ -split "`t", 2
        [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', "$name $told")
    }
}
"""
SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH, "powershell": _POWERSHELL}


def run(words: list[str]) -> int:
    """Run the command."""
    flags = parse(FLAGS, words)
    if not flags.words:
        raise UsageError("Shell not specified.", command="completion")
    if len(flags.words) > 1:
        raise UsageError("Too many arguments. Expected only the shell type.", command="completion")
    if flags.words[0] not in SCRIPTS:
        raise UsageError(f'Unsupported shell type "{flags.words[0]}".', command="completion")
    sys.stdout.write(SCRIPTS[flags.words[0]])
    return 0
