"""The command ``otel-kubecost``.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 the work
failed, 2 wrong usage, 75 try again later, 78 configuration refused (sysexits.h).
"""

from __future__ import annotations

import errno
import sys
from collections.abc import MutableMapping
from typing import NoReturn, cast

import click

from otel_kubecost.errors import ConfigError, OtelKubecostError
from otel_kubecost.on_demand import OnDemand

EXIT_FAILED, EXIT_TRY_AGAIN, EXIT_CONFIG = 1, 75, 78

_COMMANDS: OnDemand[click.Command] = OnDemand(
    {
        "backfill": "otel_kubecost.cli.backfill:backfill",
        "components": "otel_kubecost.cli.validate:components",
        "demo": "otel_kubecost.cli.demo:demo",
        "once": "otel_kubecost.cli.once:once",
        "run": "otel_kubecost.cli.run:run",
        "schema": "otel_kubecost.cli.schema:schema",
        "validate": "otel_kubecost.cli.validate:validate",
    }
)


@click.group(
    commands=cast("MutableMapping[str, click.Command]", _COMMANDS),  # click only reads it
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="otel-kubecost")
def commands() -> None:
    """Costs from Kubecost or OpenCost to a Prometheus remote_write endpoint."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        sys.exit(commands.main(standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_FAILED)
    except ConfigError as error:
        _fail("\n".join(map(str, error.problems)), EXIT_CONFIG)
    except OtelKubecostError as error:
        _fail(str(error), EXIT_FAILED)
    except OSError as error:
        in_use = error.errno in {errno.EADDRINUSE, errno.EAGAIN}
        _fail(error.strerror or str(error), EXIT_TRY_AGAIN if in_use else EXIT_FAILED)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(code)
