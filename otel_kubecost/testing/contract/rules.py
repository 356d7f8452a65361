"""The rules that hold for components, each with its reason and with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What is so of every good component of a kind."""

    says: str
    why: str
    remedy: str

    def broken(self, found: str) -> Breach:
        """``found`` goes on after "but"."""
        return Breach(self, found)


class Breach(Exception):  # noqa: N818  a finding about somebody's component, and no error of ours
    """A rule that a component breaks."""

    def __init__(self, rule: Rule, found: str) -> None:
        self.rule = rule
        self.found = found
        super().__init__(f"{rule.says}, but {found}.\n  Why: {rule.why}.\n  To do: {rule.remedy}.")


class Hanging(Breach):
    """A call has not come back, and nothing else can be found out beside it."""


# The factory.

IS_FACTORY = Rule(
    "What an entry point names is a Factory with a Kind",
    "the registry takes nothing else for a component",
    "make one: Factory(kind=Kind.RECEIVER, name=..., summary=..., options=..., build=...)",
)
NAME = Rule(
    "A component's name is lower_snake_case",
    "users write it in a configuration, and it is the OpenTelemetry Collector's rule for types",
    "use small letters, digits and single underscores, beginning with a letter",
)
SUMMARY = Rule(
    "A summary is one sentence on one line",
    "`otel-kubecost components` prints it beside the name",
    "begin it with a capital letter and end it with a full stop",
)
OPTIONS = Rule(
    "Options are a subclass of otel_kubecost.config.options.Options",
    "checking, messages with line and column, and the schema come from it",
    "derive the class of your options from Options",
)
DESCRIPTIONS = Rule(
    "Every option has a description",
    "messages and the schema explain an option by it, and nobody else knows what it does",
    'declare it as Field(..., description="One sentence.")',
)
UNKNOWN_KEYS = Rule(
    "An unknown key is refused",
    "a misspelt option would go unnoticed and have no effect",
    'leave extra="forbid" of Options as it is',
)
ACCEPTED = Rule(
    "The options that are given to check_component are right",
    "nothing can be found out about a component that cannot be configured",
    "give it a mapping as it would stand in a configuration file",
)
BUILDS = Rule(
    "build(options, settings) gives the component",
    "whatever stands in a configuration is built, and a mistake in it is a ConfigError",
    "return it from the function that is the factory's `build`",
)

OF_ITS_KIND = Rule(
    "A component has the attributes and methods of its kind",
    "pipelines ask for them without looking first",
    "compare it with the protocol of its kind in otel_kubecost.component",
)

# The lifecycle.

NO_EFFECT = Rule(
    "Building a component has no effect outside it",
    "`otel-kubecost validate` builds every component of a configuration, on any machine",
    "acquire threads, sockets and files in `start`, or when they are used for the first time",
)
STARTS = Rule(
    "`start` works with options that are right, and returns",
    "what it raises keeps the whole agent from starting",
    "raise there for what somebody has to mend; a source or destination that is away is retried",
)
STARTS_TWICE = Rule(
    "A second `start` has no effect",
    "a component that two pipelines share is started by both",
    "return at once where it is started",
)
SHUTS_DOWN = Rule(
    "`shutdown` is safe: without `start`, twice, and with any keyword that is used",
    "pipelines call it as shutdown(timeout_millis=...), when another component fails as well",
    "write `def shutdown(self, timeout_millis: float = 30_000) -> None` and let it raise nothing",
)
ENDS_IN_TIME = Rule(
    "A call comes back: `shutdown` within its time, whatever hangs, everything else soon",
    "Kubernetes kills the agent after 30 seconds, with all that others have not sent yet",
    "give every wait a timeout, and let `shutdown` end what is under way",
)
LEAVES_NOTHING = Rule(
    "After `shutdown` there is no thread and no open file or socket of the component",
    "each new configuration (SIGHUP) would leave another set of them behind",
    "join the threads and close the files and connections that it has opened",
)
LOGGING = Rule(
    "A component leaves the logging of its process alone",
    "the program that it runs in decides what is logged, and where",
    "log with logging.getLogger(__name__), and set nothing up: no basicConfig, no handlers",
)
OWN_METRICS = Rule(
    "Own metrics are registered under the component's id and give MetricsData",
    "two components of a type would have one place, and the page is of all of them",
    "call settings.own_metrics.register(str(settings.id), function)",
)
ADOPTS = Rule(
    "adopt(predecessor) takes over from one of its class that was started",
    "this is what happens to it at each new configuration (SIGHUP)",
    "take what the predecessor has, end what you do not take, and work without its help",
)
WHOLE_PROTOCOL = Rule(
    "Who has a part of an optional protocol has all of it",
    "isinstance decides: with one name missing the rest is never called, and nobody says so",
    "add what is missing, or give the rest other names",
)

# Batches.

SHAPE = Rule(
    "A batch is MetricsData, made of the SDK's types throughout, and can be read twice",
    "exporters find their way by these types, and several read one batch",
    "make it with otel_kubecost.pdata (metrics_of, gauge, PointColumns.of, map_scopes)",
)
ONE_POINT = Rule(
    "A metric has one point for a set of attributes",
    "two values of one series at one time make a receiver of remote write refuse the request",
    "add up what belongs together, or tell it apart by an attribute",
)

# Receivers.

INTERVAL = Rule(
    "`emit_interval` is a number of seconds above 0",
    "the pipeline calls `collect` at the marks of the clock that it makes",
    "return it as a number, from an option of type Duration with gt=0",
)
COLLECTS = Rule(
    "`collect` raises nothing, started or not, after `shutdown`, and whatever the source does",
    "a cycle that raises gives nothing, and `otel-kubecost once` collects without `start`",
    "catch what can fail, give what there is, and say why in `failure`",
)
ANSWERS = Rule(
    "With a source that answers, `collect` gives points and `failure` is None",
    "`failure` makes `once` fail, and is what people look at",
    "set it to None at each good answer; give check_component options with a source that works",
)
STAMPED = Rule(
    "Every sample that `collect(mark)` gives is stamped with that mark",
    "agents side by side send the same samples, and one ahead of its time is refused by receivers",
    "use pdata.nanoseconds(mark) as time_unix_nano of every point",
)
SAME_AGAIN = Rule(
    "A mark gives the same samples each time",
    "pipelines share receivers, and a second value for one time is refused by receivers",
    "make what you give a function of the mark, or keep what you gave at the last one",
)
FIXED = Rule(
    "A batch that was given does not change any more",
    "exporters read it on threads of their own, while the next mark is collected",
    "make new objects at each mark; columns may be shared with PointColumns.at",
)
GATHERS = Rule(
    "Each tap gives all that was gathered, once, to the last of it after `shutdown`",
    "pipelines do not wait for each other; what is given twice or to one alone is wrong or lost",
    "keep what comes for each tap until it collects, with times that are not ahead of the clock",
)
SAYS_WHY = Rule(
    "`failure` says why a source gave no answer",
    "it is all that people learn of it, and None says that everything is well",
    "keep a sentence there: what is wrong, and what to do about it",
)
PAST = Rule(
    "Earlier marks come once each, ascending, inside the bounds, and stamped",
    "they are sent oldest first, and what is out of order is refused by receivers for ever",
    "give what `missed`, `recall` and `batches` describe in otel_kubecost.component",
)
SAME_PAST = Rule(
    "An earlier mark has the samples that `collect` gave, or would have given, at it",
    "a part of it may have arrived, and a second value for one time is refused by receivers",
    "make both by the same function of the mark",
)
CHECKPOINTS = Rule(
    "checkpoint(reader) is the last mark that `delivered` was told of, each reader's its own",
    "what one destination has is no reason to send nothing to another",
    "keep them by reader, and let `forget` leave none",
)

# Processors.

TAKES_ALL = Rule(
    "A processor takes every batch",
    "what it raises (RetryableError apart) is a lost batch, and exporters of the SDK send any data",
    "pass on unchanged what you do not know: other metrics, sums, histograms, batches without any",
)
UNCHANGED = Rule(
    "A batch that is passed on is left unchanged",
    "other pipelines, exporters and the receiver's next mark have the same objects",
    "make a new batch, with pdata.map_scopes or dataclasses.replace",
)
SAME_AS_LISTS = Rule(
    "Points in columns and points in a list have the same result",
    "our receivers give columns, those of the SDK give lists",
    "read points as the Sequence that they are; columns are only a faster way",
)
OWN_TIME = Rule(
    "What a processor gives has the time of the batch that it was called with",
    "each receiver has a thread of its own, and they call one processor at the same time",
    "keep nothing of a call in the object, or keep it under a lock and by scope",
)

# Exporters.

IS_EXPORTER = Rule(
    "An exporter is an SDK MetricExporter whose __init__ was called",
    "a reader of the SDK asks it for its preferences, and works with it in any process",
    "derive it from opentelemetry.sdk.metrics.export.MetricExporter and call super().__init__()",
)
EXPORTS = Rule(
    "`export` returns a MetricExportResult and raises nothing, started or not",
    "readers of the SDK never call `start`, and do not catch",
    "catch what can fail, log it and return MetricExportResult.FAILURE",
)
SUCCEEDS = Rule(
    "With a destination that works, `export` succeeds",
    "FAILURE makes the pipeline send the same batch again, or count it as lost",
    "return SUCCESS also for nothing to send, and for points in columns",
)
FAILS = Rule(
    "What was not taken is FAILURE: by a destination that fails, and after `shutdown`",
    "SUCCESS says that the data has arrived, and it is never sent again",
    "return MetricExportResult.FAILURE and let nothing of it be raised",
)
FLUSHES = Rule(
    "force_flush(timeout_millis=...) returns a bool",
    "readers of the SDK call it, and a program waits for its answer",
    "return True where nothing waits",
)
QUEUES = Rule(
    "An exporter with `enqueue` takes batches there, and `oldest_pending` is a time or None",
    "pipelines use it in place of `export`, and go by oldest_pending (has_room, partly_stored)",
    "follow QueuedExporter in otel_kubecost.component, or leave `enqueue` out",
)
SETTLES = Rule(
    "With a destination that works, `oldest_pending` becomes None",
    "until then no mark counts as delivered, and all of them are sent again after a restart",
    "return None when everything has its answer",
)

# Storage.

KEEPS = Rule(
    "A storage gives back what it was given, to its owner alone, over shutdown and start",
    "how far data came and what waits has to outlive the process, and components do not share",
    "follow Storage, StorageClient and StorageQueue in otel_kubecost.storage",
)
