"""The `vigie` command: one subcommand per process or errand, each in `app/commands/`, imported only when it is used."""

from __future__ import annotations

import ast
import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # a command pays for pydantic and SQLAlchemy when it runs, not when it is listed
    from app.settings import Settings

HERE = Path(__file__).resolve().parent
_COMMANDS = HERE / "commands"


class Errands(click.Group):
    """A file in `app/commands/` is a command of the same name: `command` in it, its first line as the help.

    Nothing is imported to list them, so that `vigie bridge` does not pay for what `vigie web` needs.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem.replace("_", "-") for path in _COMMANDS.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found = import_module("app.commands." + cmd_name.replace("-", "_")).command
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ValueError as error:
            # What Settings says of a missing or impossible VIGIE_… variable is meant for a person, not for a trace.
            if str(error).startswith("VIGIE_"):
                raise click.ClickException(str(error)) from error
            raise

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = []
        for name in self.list_commands(ctx):
            source = (_COMMANDS / (name.replace("-", "_") + ".py")).read_text()
            said = ast.get_docstring(ast.parse(source)) or ""
            rows.append((name, said.split("\n")[0]))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=Errands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def main() -> None:
    """Vigie, the support desk that calls the customer first.

    Every command reads its settings from VIGIE_… variables; on a desk where `./run` is up, nothing needs to be set.
    """


def read_settings(*, beside: bool = True, **given: Any) -> Settings:  # Any: a setting's value, checked by Settings
    """The settings of this process: what is given here, then the environment, then what a running `vigie up` uses.

    With `beside` false a running `vigie up` is not asked: for `vigie up` itself.
    """
    from app import folder
    from app.settings import Settings

    if "data" not in given and not os.environ.get("VIGIE_DATA"):
        given["data"] = folder.DEFAULT
    settings = Settings(**given)
    known = folder.what_runs(settings.data) if beside else {}
    told = {name for name in known if name in given or os.environ.get("VIGIE_" + name.upper())}
    missing = {name: value for name, value in known.items() if name not in told}
    return Settings(**given, **missing) if missing else settings


if __name__ == "__main__":
    main()
