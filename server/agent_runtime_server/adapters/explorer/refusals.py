"""Expecting that a form with a mistake is refused: by the browser's validation, or by what the app says."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.flow import IsInvalid, IsVisible, Locator
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.messages import expect_message


async def expect_refusal(hand: Hand, effect: Effect, field: Locator, name: str) -> None:
    """Expect that a wrong field keeps its form from being sent.

    Raises:
        LostError: The app took it.
    """
    if await hand.count(field) != 1:
        raise LostError(f"the app took the form with a wrong “{name}”")
    refused = await hand.expect(f"“{name}” is marked as wrong", IsInvalid(field))
    said = await expect_message(hand, effect, "the mistake is named")
    if not refused and not said:
        raise LostError(f"nothing says that “{name}” is wrong")
    await hand.expect(f"“{name}” can be corrected", IsVisible(field), outcome=False)
