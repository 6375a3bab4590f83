"""``quietword slack``: whether Slack's side is as it should be."""

import typer

app = typer.Typer(help="Slack: look whether all is set up.", no_args_is_help=True)


@app.callback()
def slack() -> None:
    """Slack: look whether all is set up."""


@app.command()
def check() -> None:
    """Look at tokens, scopes, channel, clock and agents; say what to mend."""
    from rich.console import Console
    from rich.markup import escape

    from models.database import check_schema, make_engine
    from models.errors import QuietwordError
    from monitor.checking import STYLES, Finding
    from monitor.config import load_settings
    from monitor.slack_check import slack_findings

    settings = load_settings()
    console = Console()
    engine = make_engine(settings.database_url.get_secret_value())
    try:
        try:
            check_schema(engine)
            findings = list(slack_findings(settings, engine))
        except QuietwordError as error:
            findings = [Finding("bad", str(error)), *slack_findings(settings, None)]
    finally:
        engine.dispose()
    for finding in findings:
        style = STYLES[finding.mark]
        console.print(f"[{style}]{finding.mark:>4}[/] {escape(finding.text)}")
    if any(finding.mark == "bad" for finding in findings):
        raise typer.Exit(1)
