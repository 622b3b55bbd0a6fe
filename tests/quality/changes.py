"""What may be changed about an app from outside: on the wire, or in its pages. One at a time makes a mutant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

WireKind = Literal["swallowed", "server_error", "sent_home", "script_blocked", "delayed"]
"""``swallowed``: a form is sent, and the page that it stood on comes back; ``sent_home``: a redirect to the start."""

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
Benign = Literal["names_changed", "wrapped", "styles_off", "link_added"]
"""No person would notice: classes, ids and data attributes have other values, containers another depth, ..."""
Breaking = Literal["reworded", "button_to_link", "placeholder_for_label", "heading_level", "doubled"]
"""The app does what it did, but locators may not find their elements any more."""
PageKind = PageFault | Benign | Breaking

PAGE_FAULTS: tuple[PageFault, ...] = get_args(PageFault)
BENIGN: tuple[Benign, ...] = get_args(Benign)
BREAKING: tuple[Breaking, ...] = get_args(Breaking)


@dataclass(frozen=True, slots=True)
class WireChange:
    """A change of one exchange."""

    kind: WireKind
    method: str
    path: str
    """Without the query; ``*`` stands for every path."""

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

    @property
    def id(self) -> str:
        """The same change has the same id in every run."""
        return " ".join(filter(None, (self.kind, self.tag, self.name, self.text and repr(self.text), self.path)))


Change = WireChange | PageChange
