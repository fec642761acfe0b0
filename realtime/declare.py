"""Declarations: which models are live, in which stream, and what a topic shows of them to whom.

    inventory = Stream("inventory", watch=[Watch(Material, columns=["id", "slug", "price_per_kg"])])

    @inventory.topic("materials/<slug:slug>", policy=anyone)
    def material(user, slug):
        return [Rows(Material, where={"slug": slug}, project=material_row)]

This is the Django rim: declarations are turned into the pure values of `realtime.pure`. Declare in an app's
`topics` module and import that from `AppConfig.ready`.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models

from realtime.errors import BadParameter, DeclarationError, Forbidden, UnknownTopic
from realtime.pure.changes import Capture
from realtime.pure.patterns import Pattern
from realtime.pure.selection import Derivation, Derive, Part, Project, Projection, Selection

Policy = Callable[[Any], bool]
"""Who may subscribe at all: takes the user (perhaps anonymous). May query; runs off the loop."""

TYPES: tuple[tuple[type[models.Field[Any, Any]], Any], ...] = (
    (models.BooleanField, bool),
    (models.IntegerField, int),
    (models.DecimalField, Decimal),
    (models.FloatField, float | str),  # JSON has no infinity: it is the word
    (models.CharField, str),
    (models.TextField, str),
    (models.DateField, str),
    (models.TimeField, str),
    (models.UUIDField, str),
    (models.GenericIPAddressField, str),
)
"""What a column's image is decoded to, by field; anything else is taken as JSON has it."""


def anyone(user: Any) -> bool:
    """Policy: everyone, signed in or not."""
    return True


def column_of(model: type[models.Model], name: str) -> models.Field[Any, Any]:
    """Return the concrete field of a model by its name, attname or column; DeclarationError without one."""
    for candidate in model._meta.concrete_fields:
        if name in (candidate.name, candidate.attname, candidate.column):
            return candidate
    known = ", ".join(f.name for f in model._meta.concrete_fields)
    raise DeclarationError(f"{model.__name__} has no column {name!r}; it has {known}")


def target_of(column: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """Return the field that decides a column's values: for a foreign key the one it points to."""
    while isinstance(column, models.ForeignKey):
        column = column.target_field
    return column


def capture_of(model: type[models.Model], columns: Sequence[str]) -> Capture:
    """Return the capture of a model's columns (names of fields); the primary key must be among them.

    Works on historical models too, so that migrations and declarations can't differ.
    """
    key = model._meta.pk
    if key is None:
        raise DeclarationError(f"{model.__name__} has no primary key")
    chosen = [column_of(model, name) for name in columns]
    names = [str(column.column) for column in chosen]
    if key.column not in names:
        raise DeclarationError(f"{model.__name__}: the columns must include the primary key {key.name!r}")
    if len(set(names)) != len(names):
        raise DeclarationError(f"{model.__name__}: a column is named twice in {list(columns)}")
    types = tuple(next((t for kind, t in TYPES if isinstance(target_of(c), kind)), Any) for c in chosen)
    return Capture(
        kind=str(model._meta.model_name),
        table=model._meta.db_table,
        key=str(key.column),
        columns=tuple(names),
        types=types,
    )


@dataclass(frozen=True)
class Watch:
    """A model whose committed changes enter a stream, with the columns that may enter the log.

    A column that is not named stays out. The primary key must be named.
    """

    model: type[models.Model]
    columns: Sequence[str]


@dataclass(frozen=True)
class Rows:
    """Rows of one watched model in a topic.

    `where` is an equality for each of some captured columns (`{"warehouse": 3}`), or a list of such
    alternatives; an empty mapping selects every row. `project` is a pure function of the captured columns.
    The topic's permission rests on the rows of an `anchor`: it ends with `revoked` when none is left.
    """

    model: type[models.Model]
    where: Mapping[str, Any] | Sequence[Mapping[str, Any]] = field(default_factory=dict)
    project: Project | None = None
    anchor: bool = False


@dataclass(frozen=True)
class Derived:
    """Rows that are computed: `derive(rows by kind and key, parameters)` gives shown rows by `RowKey`.

    `derive` is pure and runs again when a batch touches a source row; what it gives is compared by key.
    """

    sources: Sequence[Rows]
    derive: Derive
    parameters: Mapping[str, Any] = field(default_factory=dict)


TopicFunction = Callable[..., Sequence[Rows] | Derived]


@dataclass(frozen=True)
class Topic:
    """A declared topic: its pattern, who may subscribe, and the function that selects rows for a user."""

    pattern: Pattern
    stream: "Stream"
    policy: Policy
    function: TopicFunction


class Stream:
    """An ordered log of the changes to a set of tables, and the topics that show them.

    Names are lower-case identifiers of at most 40 characters. Declaring registers: a second stream of the
    same name, a model watched twice or a pattern declared twice is a DeclarationError.
    """

    def __init__(self, name: str, *, watch: Iterable[Watch]) -> None:
        if not name.isidentifier() or name != name.lower() or len(name) > 40:
            raise DeclarationError(f"stream name {name!r} must be a lower-case identifier of at most 40 characters")
        self.name = name
        self.watches = tuple(watch)
        self.captures: dict[str, Capture] = {}
        for watched in self.watches:
            capture = capture_of(watched.model, watched.columns)
            if capture.kind in self.captures:
                raise DeclarationError(f"stream {name!r} watches {capture.kind!r} twice")
            self.captures[capture.kind] = capture
        registry.add_stream(self)

    def topic(self, pattern: str, *, policy: Policy) -> Callable[[TopicFunction], TopicFunction]:
        """Declare a topic; the decorated function takes the user and the pattern's parameters by name.

        It may query, runs off the loop, and returns a list of `Rows` or one `Derived`. An
        `ObjectDoesNotExist` that it raises is answered as `unknown_topic`, a `BadParameter` as itself.
        """

        def register(function: TopicFunction) -> TopicFunction:
            registry.add_topic(Topic(Pattern.parse(pattern), self, policy, function))
            return function

        return register

    def select(self, chosen: Sequence[Rows] | Derived) -> Selection:
        """Turn what a topic function returned into a selection; DeclarationError where it can't be served."""
        sources = chosen.sources if isinstance(chosen, Derived) else chosen
        parts = tuple(self._part(rows) for rows in sources)
        if len({part.kind for part in parts}) != len(parts):
            raise DeclarationError(f"stream {self.name!r}: a topic selects one kind twice; use alternatives in `where`")
        derivation = None
        if isinstance(chosen, Derived):
            name, version = identify(chosen.derive)
            derivation = Derivation(name, version, tuple(sorted(chosen.parameters.items())), chosen.derive)
        return Selection(self.name, parts, derivation)

    def _part(self, rows: Rows) -> Part:
        kind = str(rows.model._meta.model_name)
        capture = self.captures.get(kind)
        if capture is None:
            raise DeclarationError(f"stream {self.name!r} does not watch {kind!r}; it watches {sorted(self.captures)}")
        project: Project = rows.project or dict
        alternatives = [rows.where] if isinstance(rows.where, Mapping) else list(rows.where)
        return Part(
            kind=kind,
            alternatives=tuple(self._alternative(rows.model, capture, where) for where in alternatives),
            projection=Projection(*identify(project), project),
            anchor=rows.anchor,
        )

    def _alternative(self, model: type[models.Model], capture: Capture, where: Mapping[str, Any]) -> tuple[Any, ...]:
        found = []
        for name, value in where.items():
            column = column_of(model, name)
            if column.column not in capture.columns:
                raise DeclarationError(f"{model.__name__}.{name} is filtered on, so it must be a captured column")
            found.append((column.column, canonical(column, value)))
        return tuple(sorted(found, key=lambda pair: pair[0]))


def canonical(column: models.Field[Any, Any], value: Any) -> Any:
    """Return a filter's value as the column's image decodes it; raise BadParameter for an impossible one."""
    if value is None:
        return None
    target = target_of(column)
    try:
        value = target.to_python(value.pk if isinstance(value, models.Model) else value)
    except ValidationError as error:
        raise BadParameter(f"{column.name}: {'; '.join(error.messages)}") from error
    if isinstance(target, models.DateField | models.TimeField | models.DurationField):
        raise DeclarationError(f"{column.name}: there are no filters on dates and times; add a column for the window")
    return str(value) if isinstance(target, models.UUIDField) else value


def identify(function: Callable[..., Any]) -> tuple[str, str]:
    """Return a function's name and version: the version changes whenever its module's source does."""
    name = f"{function.__module__}.{function.__qualname__}"
    if function is dict:
        return name, "1"
    module = inspect.getmodule(function)
    source = inspect.getsource(module) if module else inspect.getsource(function)
    return name, hashlib.sha256(source.encode()).hexdigest()[:8]


class Registry:
    """All declared streams and topics of the process."""

    def __init__(self) -> None:
        self.streams: dict[str, Stream] = {}
        self.topics: list[Topic] = []

    def add_stream(self, stream: Stream) -> None:
        """Register a stream; refuse a second of the same name, and a model that another stream watches."""
        if stream.name in self.streams:
            raise DeclarationError(f"stream {stream.name!r} is declared twice")
        for other in self.streams.values():
            if twice := set(other.captures) & set(stream.captures):
                raise DeclarationError(f"{sorted(twice)} is watched by {other.name!r} and by {stream.name!r}")
        self.streams[stream.name] = stream

    def add_topic(self, topic: Topic) -> None:
        """Register a topic; the most literal patterns are tried first."""
        if any(other.pattern.text == topic.pattern.text for other in self.topics):
            raise DeclarationError(f"topic {topic.pattern.text!r} is declared twice")
        self.topics.append(topic)
        self.topics.sort(key=lambda each: -each.pattern.literals)

    def captures(self) -> dict[str, Capture]:
        """Return all captures by kind."""
        return {kind: capture for stream in self.streams.values() for kind, capture in stream.captures.items()}

    def resolve(self, name: str, user: Any) -> Selection:
        """Return what a topic's name selects for a user. May query: call it off the loop.

        Raises UnknownTopic, Forbidden (a fixed topic only) or BadParameter. A topic with parameters that is
        not the user's or does not exist is UnknownTopic, with the same message.
        """
        for topic in self.topics:
            written = topic.pattern.match(name)
            if written is None:
                continue
            if not topic.policy(user):
                if topic.pattern.fixed:
                    raise Forbidden(f"you may not see {name!r}")
                break
            try:
                chosen = topic.function(user, **topic.pattern.convert(written))
            except ObjectDoesNotExist:
                break
            return topic.stream.select(chosen)
        raise UnknownTopic(f"there is no topic {name[:80]!r}, or it is not yours")


registry = Registry()
