"""`vaelab completion`: a script by which a shell completes commands, flags and words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from vaelab.cli.command import Command
from vaelab.cli.flags import grammar
from vaelab.cli.group import Group, Later
from vaelab.cli.train import Train
from vaelab.presets import PRESETS

# The words before the cursor lead to a list. A colon breaks a word in bash, so the part before it is cut off again.
# zsh runs the same function; there `path` would be the search path.
_BASH = """\
_vaelab() {
    local line cur at word choices
    line="${COMP_LINE:0:$COMP_POINT}"
    cur="${line##* }"
    at=""
    for word in $(echo "${line%"$cur"}"); do
        case " @PATHS@ " in *" ${at:+$at/}${word##*/} "*) at="${at:+$at/}${word##*/}" ;; esac
    done
    case "$at" in
@CASES@
    esac
    COMPREPLY=($(compgen -W "$choices --plugin --help" -- "$cur"))
    if [[ "$COMP_WORDBREAKS" == *:* && "$cur" == *:* ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${cur%"${cur##*:}"}"}")
    fi
}
complete -o default -F _vaelab vaelab
"""
_FISH = """\
function __vaelab_at
    set -l path
    for word in (commandline -opc)
        set -l next (string join / $path (basename -- $word))
        contains -- $next @PATHS@; and set path $next
    end
    test "$path" = $argv[1]
end
@LINES@
"""


@dataclass(frozen=True, kw_only=True)
class Completion(Command):
    """Print a script that completes commands, flags and words in a shell.

    bash: put `source <(vaelab completion bash)` into ~/.bashrc. zsh: put `source <(vaelab completion zsh)` into
    ~/.zshrc, after compinit. fish: vaelab completion fish > ~/.config/fish/completions/vaelab.fish.
    """

    shell: Annotated[tyro.conf.Positional[Literal["bash", "zsh", "fish"]], tyro.conf.arg(metavar="bash|zsh|fish")]
    """The shell."""

    @classmethod
    def values(cls) -> tuple[str, ...]:
        """The shells."""
        return ("bash", "zsh", "fish")

    def run(self) -> None:
        """Print the script."""
        print(script(self.shell), end="")


def script(shell: str) -> str:
    """The script for a shell."""
    from vaelab.cli.commands import VAELAB

    found = dict(choices(VAELAB, VAELAB.name))
    paths = " ".join(found)
    if shell == "fish":
        lines = "\n".join(
            f"complete -c vaelab -n '__vaelab_at {path}' -a '{' '.join(words)}'" for path, words in found.items()
        )
        return _FISH.replace("@PATHS@", paths).replace("@LINES@", lines)
    # Presets that take the same words share a case.
    same: dict[tuple[str, ...], list[str]] = {}
    for path, words in found.items():
        same.setdefault(words, []).append(path)
    cases = "\n".join(f'        {"|".join(paths)}) choices="{" ".join(words)}" ;;' for words, paths in same.items())
    text = _BASH.replace("@PATHS@", paths).replace("@CASES@", cases)
    zsh = "autoload -U +X bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return zsh + text


def choices(command: type[Command] | Group | Later, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The words that can follow, by the words that lead there, such as `vaelab/study/paper`."""
    command = command.load() if isinstance(command, Later) else command
    if isinstance(command, Group):
        yield path, tuple(command.by_name)
        for name, member in command.by_name.items():
            yield from choices(member, f"{path}/{name}")
    elif command is Train:
        yield path, (*PRESETS, "--config", "--resume")
        for name, (_, experiment) in PRESETS.items():
            yield f"{path}/{name}", _flags_and_words(Train, Train(experiment=experiment))
    else:
        default = command() if issubclass(command, Train) else None
        yield path, _flags_and_words(command, default)


def _flags_and_words(command: type[Command], default: Command | None) -> tuple[str, ...]:
    known = grammar(command, default)
    flags = dict.fromkeys(flag.name for flag in known.flags)
    return (*known.words, *command.values(), *flags)
