"""Prints the manual page, counterbot.1, made of the commands' own help: python docs/man.py > docs/counterbot.1"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parents[1]))

from counterbot.cli import main

ENDS = {
    "EXIT STATUS": "0 is success, 1 a finding or an error that is told, 2 a wrong option or argument, 3 that something"
                   " could not be read or judged. The commands that give 3 say so above.",
    "ENVIRONMENT": "NO_COLOR, where it is set, keeps words from being coloured on a terminal."
                   " COUNTERBOT_SETTINGS names the file of collect --settings.",
    "FILES": "/etc/counterbot/config.yaml, /etc/counterbot/queries/ and /var/lib/counterbot/counterbot.db, where the"
             " bot is installed as its documentation says.",
    "SEE ALSO": "systemctl(1), journalctl(1)",
}


def page() -> str:
    """In roff, for man(7)."""
    parts = [".TH COUNTERBOT 1", ".SH NAME", rf"counterbot \- {escaped(_first(main)[:1].lower() + _first(main)[1:])}",
             ".SH SYNOPSIS", r"\fBcounterbot\fR \fICOMMAND\fR [\fIOPTION\fR...] [\fIARGUMENT\fR...]",
             ".SH DESCRIPTION", *_prose(main), ".SH COMMANDS"]
    for name, command in _commands(main, click.Context(main), ""):
        arguments = "".join(f" {each.metavar or _named(each)}" for each in command.params
                            if isinstance(each, click.Argument))
        parts += [".SS", rf"\fBcounterbot {escaped(name)}\fR{escaped(arguments)}", *_prose(command)]
        for option in command.params:
            if isinstance(option, click.Option):
                parts += [".TP", rf"\fB{escaped(', '.join(option.opts))}\fR{escaped(_value(option))}", _told(option)]
    for head, text in ENDS.items():
        parts += [f".SH {head}", escaped(text)]
    return "".join(f"{part}\n" for part in parts)


def escaped(text: str) -> str:
    """Text that roff shows as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text[:1] in (".", "'") else text


def _commands(group: click.Group, context: click.Context, before: str) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _commands(command, context, f"{before}{name} ")
        elif command is not None:
            yield before + name, command


def _prose(command: click.Command) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        yield from ([".PP"] if number else [])
        yield from map(escaped, paragraph.splitlines())


def _first(command: click.Command) -> str:
    return inspect.cleandoc(command.help or "").partition("\n\n")[0].replace("\n", " ").rstrip(".")


def _named(argument: click.Argument) -> str:
    name = (argument.name or "").upper()
    return name if argument.required else f"[{name}]"


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return f" {'|'.join(map(str, option.type.choices))}"
    return f" {option.metavar or ('NUMBER' if option.type != click.STRING else option.name.upper())}"


def _told(option: click.Option) -> str:
    default = f" (default: {option.default})" if option.show_default else ""
    return escaped(f"{option.help}{default}")


if __name__ == "__main__":
    sys.stdout.write(page())
