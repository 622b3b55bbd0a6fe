"""What is known of an app's suites, as far as it was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.quality import code
from tests.quality.adherence import Adherence
from tests.quality.changes import Change
from tests.quality.coverage import Covered
from tests.quality.making import Made
from tests.quality.rates import Rate
from tests.quality.repairing import Repair
from tests.quality.scoring import Survey, Tried
from tests.quality.seeded import Findings


@dataclass(slots=True)
class Scores:
    """Of one suite; what is None has not been measured."""

    name: str
    survey: Survey | None = None
    covered: Covered | None = None
    tried: list[Tried] | None = None
    alarms: dict[str, Rate] | None = None
    code: code.Code | None = None
    adherence: list[Adherence] = field(default_factory=list)
    findings: Findings | None = None
    repairs: list[Repair] | None = None


@dataclass(slots=True)
class Report:
    """Of one app."""

    app: str
    flows: Mapping[str, Sequence[Change]]
    """The mutants that each flow reaches, but for those beyond the given user."""
    mutants: Sequence[Change]
    equivalent: Mapping[str, str]
    beyond: Sequence[str] = ()
    """Flows of another user than the given one, from which no mutants are taken."""
    scores: list[Scores] = field(default_factory=list)
    made: Made | None = None
    same_again: Mapping[str, bool] | None = None
    """Whether the plan and the tests are the same to the byte, when they are made once more."""
    left_out: list[str] = field(default_factory=list)
    """What there was no time for, or nobody asked for."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is to be measured, and where work is kept."""

    mutants: int
    runs: int
    minutes: float
    folder: Path
    suite: Path | None = None
    """A suite that is there; by default one is made."""
    parts: Sequence[str] = ()
    """Steps of the work with one of these in their names, and no others; none for all."""
