"""Commands for the brands that are listened for."""

from typing import Annotated

import typer

from monitor.commands import console, runtime_with

app = typer.Typer(help="The brands that are listened for.", no_args_is_help=True)


@app.command("add")
def brand_add(
    name: Annotated[str, typer.Argument(help="The brand's name; an existing one is replaced.")],
    alias: Annotated[list[str] | None, typer.Option(help="Another spelling.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="A phrase that is not it.")] = None,
    context: Annotated[
        list[str] | None, typer.Option(help="A word of which one must stand near the name.")
    ] = None,
    rival: Annotated[list[str] | None, typer.Option(help="A rival's name.")] = None,
    staff: Annotated[
        list[str] | None, typer.Option(help="A handle under which our people write in public.")
    ] = None,
    *,
    case_sensitive: Annotated[
        bool, typer.Option("--case-sensitive", help="Only as written: Play, not play.")
    ] = False,
    inflect: Annotated[bool, typer.Option(help="Find Polish and Russian cases too.")] = True,
) -> None:
    """Listen for a brand."""
    from monitor import sources as listing
    from monitor.brands import BrandSpec
    from monitor.mentions import Alias

    spec = BrandSpec(
        name=name,
        aliases=tuple(
            Alias(text=text, case_sensitive=case_sensitive, inflect=inflect) for text in alias or ()
        ),
        exclusions=tuple(exclude or ()),
        context=tuple(context or ()),
        rivals=tuple(rival or ()),
        staff=tuple(staff or ()),
        case_sensitive=case_sensitive,
        inflect=inflect,
    )
    listing.add_brand(runtime_with(), spec, console=console())


@app.command("list")
def brand_list() -> None:
    """List the brands with their words."""
    from monitor import sources as listing

    console().print(listing.brand_table(runtime_with()))
