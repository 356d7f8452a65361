"""``otel-kubecost backfill``: a time that is over, read again from Kubecost and sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click

from otel_kubecost.backfill import Lane, Outcome, lanes, send
from otel_kubecost.cli.options import configure_logs, configured, service_of
from otel_kubecost.clock import SystemClock
from otel_kubecost.component import Kind
from otel_kubecost.config.checked import Config
from otel_kubecost.config.options import parse_duration
from otel_kubecost.errors import RetryableError, ScrapeError
from otel_kubecost.feed import Feed
from otel_kubecost.pdata import count_points


def _moment(_: click.Context, __: click.Parameter, text: str) -> float:
    """A time in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        _shown(seconds)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text!r} is no time; write 2026-11-23 or 2026-11-23T10:00:00Z"
        ) from None
    return seconds


def _duration(_: click.Context, __: click.Parameter, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command(short_help="Read a time that is over again, and send it.")
@configured
@click.option(
    "--from", "start", metavar="T", callback=_moment, required=True, help="Begin here (UTC)."
)
@click.option(
    "--to", "end", metavar="T", callback=_moment, required=True, help="End before this mark."
)
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option(
    "--out-of-order-window",
    "late",
    metavar="DURATION",
    callback=_duration,
    default="1h",
    show_default=True,
    help="How much older than the newest sample of all a sample may be for the receiver to take"
    " it. CloudTuner and Thanos: 1h. Plain Prometheus takes nothing that is older than the newest"
    " sample of its series: 0s where the agent has run. Their configuration may say more.",
)
@click.option("--force", is_flag=True, help="Send also what the receiver is expected to refuse.")
@click.pass_context
def backfill(  # noqa: PLR0913, PLR0917  its options
    context: click.Context,
    files: tuple[str, ...],
    sets: tuple[str, ...],
    start: float,
    end: float,
    dry_run: bool,
    late: float,
    force: bool,
) -> None:
    """Read the marks from --from up to --to again from Kubecost and send them, oldest first.

    Times are RFC 3339 or YYYY-MM-DD. Hours that Kubecost no longer keeps are read as whole days.
    A backfill that was broken off goes on where it stopped, if the receiver has a storage. At
    most 400 days at a time.
    """
    service = service_of(files, sets)
    configure_logs(service.config, "warning")
    _check_times(start, end)
    with service.beside() as pipelines:
        feeds = [feed for pipeline in pipelines for feed in pipeline.feeds if feed.readers]
        series = {feed: _series(feed) for feed in feeds}
        if not feeds:
            raise click.ClickException(_NOBODY)
        identity = _identity(service.config)
        plan = {feed: lanes(feed.readers, start, end, identity) for feed in feeds}
        every = [lane for of_feed in plan.values() for lane in of_feed]
        if not every:
            raise click.UsageError(f"There is no mark from {_shown(start)} to {_shown(end)}")
        for feed in feeds if dry_run else ():
            for lane in plan[feed]:
                _describe(lane, series[feed], late)
        if not force:
            _refuse_late(every, late)
        context.exit(0 if dry_run else _run(every, goes_on=_goes_on(service.config)))


DAY = 86_400.0
LONGEST_DAYS = 400
_UNKNOWN = (
    "the newest sample at the destination is not known, for no storage tells what the agent"
    " delivered there"
)
_NOBODY = (
    "No exporter takes history: a page shows the present alone; add a prometheus_remote_write to a"
    " pipeline"
)


def _check_times(start: float, end: float) -> None:
    """Raises UsageError for what is no time that is over."""
    if start >= end:
        raise click.UsageError(f"--from {_shown(start)} is not before --to {_shown(end)}")
    now = SystemClock().time()
    if end > now:
        raise click.UsageError(
            f"--to {_shown(end)} is in the future, of which nothing is known; the latest is"
            f" {_shown(now)}"
        )
    if end - start > LONGEST_DAYS * DAY:
        raise click.UsageError(
            f"From {_shown(start)} to {_shown(end)} are {(end - start) / DAY:.0f} days; send"
            f" {LONGEST_DAYS} at most at a time"
        )


def _goes_on(config: Config) -> bool:
    """Whether all receivers remember over a restart how far this came."""
    receivers = config.components[Kind.RECEIVER].values()
    return all(getattr(receiver.options, "storage", "") for receiver in receivers)


def _series(feed: Feed) -> int:
    """The series of one mark, the present one: Kubecost has to answer, and says who it is."""
    batches = list(feed.collect())
    if feed.receiver.failure:
        raise click.ClickException(feed.receiver.failure)
    return count_points(batches[0]) if batches else 0


def _identity(config: Config) -> str:
    """What is sent where: with another answer a backfill begins anew."""
    options = [
        f"{name}: {component.options!r}"
        for kind in config.components.values()
        for name, component in kind.items()
    ]
    return "\n".join([*map(str, sorted(options)), repr(config.pipelines)])


def _late(lane: Lane, late: float) -> list[float]:
    """Marks that are too old for a receiver that has what the agent delivered."""
    if lane.delivered is None:
        return []
    return [mark for mark in lane.marks() if mark < lane.delivered - late]


def _describe(lane: Lane, series: int, late: float) -> None:
    marks = lane.marks()
    windows = ", ".join(f"{count} {form}" for form, count in lane.past.windows.items())
    click.echo(f"{lane.reader.name}: {lane.past}")
    click.echo(f"  marks to send      {len(marks)}")
    click.echo(f"  windows            {windows}")
    click.echo(f"  series             {series}, as of now")
    click.echo(f"  samples            about {series * len(marks)}")
    refusals = (
        f"not known: {_UNKNOWN}" if lane.delivered is None else f"{len(_late(lane, late))} marks"
    )
    click.echo(f"  expected refusals  {refusals}")


def _refuse_late(plan: Sequence[Lane], late: float) -> None:
    """Raises ClickException where a receiver would refuse marks."""
    for lane in plan:
        refused = _late(lane, late)
        if refused and lane.delivered is not None:
            earliest = _shown(lane.delivered - late)
            raise click.ClickException(
                f"{lane.exporter} would refuse {len(refused)} marks: it has samples of"
                f" {_shown(lane.delivered)} and takes none from before {earliest}. Send the rest"
                f" with --from {earliest}; if the receiver takes older ones, say so with"
                " --out-of-order-window (plain Prometheus: 0s, it takes nothing older than the"
                " newest sample of a series; CloudTuner: 1h); --force sends everything"
            )


def _run(plan: Sequence[Lane], *, goes_on: bool) -> int:
    unknown = sorted({lane.exporter for lane in plan if lane.delivered is None})
    outcome, reason = Outcome(), ""
    try:
        for _ in _watched(send(plan, outcome), sum(len(lane.marks()) for lane in plan)):
            pass
    except (ScrapeError, RetryableError) as error:
        reason = str(error)
    except KeyboardInterrupt:
        reason = "it was interrupted"
    if outcome.stopped:
        reason = f"{outcome.stopped} takes nothing"
    click.echo(_summary(outcome))
    if unknown:
        click.echo(f"Refusals by {', '.join(unknown)} could not be foreseen: {_UNKNOWN}", err=True)
    if reason:
        click.echo(f"It is not complete: {reason}. {_again(outcome, goes_on=goes_on)}", err=True)
    return 1 if reason or outcome.refused or outcome.partly else 0


def _again(outcome: Outcome, *, goes_on: bool) -> str:
    begin = f"egin with --from {_shown(outcome.at)}" if outcome.at else "egin again"
    return f"Run it again to go on, or b{begin}" if goes_on else f"B{begin}"


def _watched(steps: Iterator[None], count: int) -> Iterator[None]:
    """``steps`` with a bar on a terminal."""
    if not sys.stderr.isatty():
        yield from steps
        return
    with click.progressbar(
        steps, length=count, label="Sending", show_pos=True, file=sys.stderr
    ) as bar:
        yield from bar


def _summary(outcome: Outcome) -> str:
    parts = [f"{outcome.marks} marks sent ({outcome.samples} samples)"]
    if outcome.empty:
        parts.append(f"{outcome.empty} of which Kubecost has nothing any more")
    if outcome.refused:
        parts.append(f"{outcome.refused} refused")
    if outcome.partly:
        parts.append(f"{outcome.partly} of them refused in part or as a whole (409)")
    return ", ".join(parts)


def _shown(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
