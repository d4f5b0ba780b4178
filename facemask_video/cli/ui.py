"""``facemask-video ui``: the page on this machine."""

import webbrowser
from pathlib import Path

import click

from facemask_video.cli.options import configured_command
from facemask_video.config.page import PageConfig

_LACKING = (
    "the page needs starlette and uvicorn; install them with pip install 'facemask-video[ui]'."
)


@configured_command(PageConfig)
@click.argument(
    "folders",
    metavar="[FOLDER]...",
    nargs=-1,
    type=click.Path(path_type=Path, file_okay=False),
)
@click.option(
    "-o",
    "--output",
    "results",
    metavar="DIR",
    default="facemask-results",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the results, of the queue, and of files dropped on the page; made where it is "
    "not there.",
)
def ui(config: PageConfig, folders: tuple[Path, ...], results: Path, quiet: bool) -> None:
    """Open a page on this machine: preview, convert, compare before and after.

    The page sees the videos and pictures of each FOLDER, by default of the current one, those
    dropped on it, and the results. It is reached from this machine alone, under the address that
    is printed, which holds a token; nothing is sent anywhere. Ctrl-C ends it; what is in the queue
    goes on at the next start.

    \b
    facemask-video ui
    facemask-video ui footage/ -o masked/
    """
    try:
        from facemask_video.ui.serve import serve
    except ModuleNotFoundError as exc:
        if exc.name not in ("starlette", "uvicorn"):
            raise
        raise click.UsageError(_LACKING) from exc

    def on_address(address: str) -> None:
        click.echo(f"Page: {address}")
        if not quiet:
            click.echo("Results: " + click.format_filename(results) + "; Ctrl-C ends it.")
        if config.open:
            webbrowser.open(address)

    try:
        serve(folders or (Path(),), results, config, on_address=on_address)
    except KeyboardInterrupt:
        # How a page is ended.
        if not quiet:
            click.echo("Closed; what is in the queue goes on at the next start.")
