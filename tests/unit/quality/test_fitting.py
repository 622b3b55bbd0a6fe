"""The weights and bounds in use do well on the cases that they were fitted on."""

from agent_runtime_server.adapters.explorer.similarity import MARGIN, THRESHOLD, WEIGHTS
from tests.quality.fitting.__main__ import Setting, score
from tests.quality.fitting.cases import read_cases

IN_USE = Setting(WEIGHTS, THRESHOLD, MARGIN)


def test_nearly_all_are_found_and_none_is_taken_for_another() -> None:
    found = score(read_cases(), IN_USE)
    assert (found.wrong, found.taken_for_gone) == (0, 0)
    assert found.right >= 0.95 * found.there > 100
    assert found.gone > 100


def test_a_bound_that_takes_anything_takes_what_is_gone_for_another() -> None:
    assert score(read_cases(), IN_USE._replace(threshold=0.1, margin=0.0)).taken_for_gone > 50
