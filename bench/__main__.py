"""`python -m bench NAME`; see the package's docstring."""

import typer

from bench.ingest import ingest

app = typer.Typer(
    help="Measure Pingfold. Each command prints one JSON object on stdout; progress goes to stderr.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(ingest)


@app.callback()
def main() -> None:
    """Measure Pingfold."""

if __name__ == "__main__":
    app()
