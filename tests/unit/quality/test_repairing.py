"""What a test is known to look for."""

from __future__ import annotations

from tests.quality.repairing import _quoted


def test_the_texts_of_a_source() -> None:
    source = r"""
      await page.getByRole('link', { name: 'It\'s 12 of 30', exact: true }).click();
      await expect(page.getByText("Don't save")).toBeVisible();
      await page.getByText(`Note ${uid}`).click();
    """
    assert _quoted(source) == {"link", "It's # of #", "Don't save", "Note ${uid}"}
