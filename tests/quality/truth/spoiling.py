"""Scripts that spoil outcomes which no fault of a wire or a page spoils: refusals, and what an app remembers."""

from __future__ import annotations

import json

from tests.quality.changes import Script

_PUT_RIGHT = """
const putRight = ({ target }) => {
  if (!target.closest?.('[type=submit], button:not([type=button])')) return;
  for (const field of target.closest('form')?.querySelectorAll(SELECTOR) ?? []) {
    if (!WHEN(field)) continue;
    if (field.localName === 'select') field.selectedIndex = field.options.length - 1;
    else if (/checkbox|radio/.test(field.type)) field.checked = true;
    else field.value = VALUE;
  }
};
addEventListener('click', putRight, true);"""


def accepted(name: str, selector: str, value: str = "", when: str = "() => true") -> Script:
    """What should be refused is accepted: before a form is sent, its wrong fields are put right, by another value or
    another choice. ``when`` is a function of JavaScript that tells of a field whether it is wrong."""
    script = _PUT_RIGHT.replace("SELECTOR", json.dumps(selector)).replace("WHEN", f"({when})")
    return Script(name, script.replace("VALUE", json.dumps(value)))


def unasked(name: str, selector: str, value: str) -> Script:
    """A required field may be left empty."""
    return accepted(name, selector, value, "(field) => !field.value")


def missing(name: str, selector: str) -> Script:
    """Some elements never appear."""
    remove = f"() => {{ for (const element of document.querySelectorAll({json.dumps(selector)})) element.remove(); }}"
    return Script(name, f"new MutationObserver({remove}).observe(document, {{ childList: true, subtree: true }});")
