"""``nightshift desk``: the review desk's web application, on loopback."""

from typing import Annotated

import typer

from orchestration.command import HOME, HomeOption, UseCasesOption, tell

PORT = 3005


def desk(
    home: HomeOption = HOME,
    use_cases: UseCasesOption = None,
    port: Annotated[int, typer.Option(help="On 127.0.0.1.")] = PORT,
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            "--host-name",
            help="Name by which a TLS proxy on this machine serves the desk; may be repeated.",
        ),
    ] = None,
) -> None:
    """Serve the review desk on 127.0.0.1 until ctrl-C. `nightshift users add` lets people in."""
    from assets.desk.users import Users
    from assets.home import Home
    from orchestration.desk.serving import HOST, serve

    if not any(one.removed_at is None for one in Users(Home(home.resolve())).accounts()):
        tell("nobody may sign in yet: `nightshift users add NAME --role reviewer`")
    tell(f"review desk  http://{HOST}:{port}")
    serve(home, use_cases or [], port, host_name or [])
