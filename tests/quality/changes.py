"""What may be changed about an app from outside: on the wire, or in its pages. One at a time makes a mutant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

WireKind = Literal[
    "swallowed", "server_error", "sent_home", "script_blocked", "accepts_anything", "query_dropped", "delayed"
]
"""``swallowed``: a form is sent, and the page that it stood on comes back; ``sent_home``: a redirect to the start;
``accepts_anything``: whatever is sent to sign in, the right data come through; ``query_dropped``: nothing is found or
sorted, for what is looked for does not come through."""

PageFault = Literal[
    "field_removed",
    "submit_disabled",
    "number_plus_one",
    "number_times_ten",
    "message_removed",
    "link_swapped",
    "row_missing",
    "list_empty",
    "required_dropped",
    "heading_changed",
]
Benign = Literal[
    "names_changed",
    "wrapped",
    "styles_off",
    "styles_reordered",
    "scripts_versioned",
    "attributes_reordered",
    "link_added",
]
"""No person would notice: classes and data attributes have other values, containers another depth, ..."""
Breaking = Literal[
    "reworded",
    "recased",
    "button_to_link",
    "placeholder_for_label",
    "heading_level",
    "doubled",
    "in_menu",
    "in_dialog",
    "field_order",
]
"""The app does what it did, but locators may not find their elements any more."""
Defect = Literal["gone", "link_broken"]
"""``gone``: an element that nothing replaces; ``link_broken``: a link to a page that there is not."""
PageKind = PageFault | Benign | Breaking | Defect

PAGE_FAULTS: tuple[PageFault, ...] = get_args(PageFault)
BENIGN: tuple[Benign, ...] = get_args(Benign)
BREAKING: tuple[Breaking, ...] = get_args(Breaking)
DEFECTS: tuple[Defect, ...] = get_args(Defect)


@dataclass(frozen=True, slots=True)
class WireChange:
    """A change of one exchange."""

    kind: WireKind
    method: str
    path: str
    """Without the query; ``*`` alone stands for every path, and within one for any characters but ``/``."""

    @property
    def id(self) -> str:
        """The same change has the same id in every run."""
        return f"{self.kind} {self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class PageChange:
    """A change of elements, made as soon as they are in the page. Empty fields fit everything."""

    kind: PageKind
    tag: str = ""
    name: str = ""
    """The ``name`` attribute of a field, or the ``type`` of one that has none."""
    text: str = ""
    """What the element says, with ``#`` for every run of digits and one blank for all white space."""
    path: str = ""
    """Of the page; ``*`` stands for any characters but ``/``."""
    without: bool = False
    """What was changed is then taken away: what still works, works on something else."""

    @property
    def id(self) -> str:
        """The same change has the same id in every run."""
        text, without = self.text and repr(self.text), "without" if self.without else ""
        return " ".join(filter(None, (self.kind, self.tag, self.name, text, self.path, without)))


@dataclass(frozen=True, slots=True)
class Script:
    """A change of behaviour, made by a script that runs before all others of every page."""

    name: str
    script: str
    kind: Literal["script"] = "script"
    path: str = ""

    @property
    def id(self) -> str:
        """The same change has the same id in every run."""
        return f"script: {self.name}"


Change = WireChange | PageChange | Script


def read(written: Mapping[str, Any]) -> Change:
    """A change from the dictionary of its fields."""
    if written["kind"] == "script":
        return Script(**written)
    return WireChange(**written) if "method" in written else PageChange(**written)


def fits(pattern: str, path: str) -> bool:
    """Whether a path is meant: ``*`` alone is every one, within a pattern it is any characters but ``/``."""
    if pattern in ("", "*"):
        return True
    return re.fullmatch("[^/]*".join(map(re.escape, pattern.split("*"))), path) is not None
