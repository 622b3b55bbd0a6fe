"""Expecting that a form with a mistake is refused: by the browser's validation, or by what the app says."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.effects import Effect
from agent_runtime_server.adapters.explorer.hand import Hand, LostError, SilentError
from agent_runtime_server.adapters.explorer.language import IsInvalid, IsVisible, Locator
from agent_runtime_server.adapters.explorer.messages import expect_message, message_texts
from agent_runtime_server.adapters.explorer.vocabulary import SUCCEEDED

_SPOKEN_OF_BY_THE_BROWSER = Locator(by="css", value="form:not([novalidate]) :invalid:not(fieldset)")


async def expect_refusal(hand: Hand, effect: Effect, field: Locator, name: str) -> None:
    """Expect that a wrong field keeps its form from being sent.

    Raises:
        LostError: The app took it.
        SilentError: Nothing tells whether it did.
    """
    if await hand.count(field) != 1 or any(map(SUCCEEDED.search, message_texts(effect))):
        raise LostError(f"the app took the form with a wrong “{name}”")
    refused = await hand.expect(f"“{name}” is marked as wrong", IsInvalid(field))
    said = await expect_message(hand, effect, "the mistake is named")
    if not refused and not said:
        silent = effect.nothing and not await hand.count(_SPOKEN_OF_BY_THE_BROWSER)
        raise (SilentError if silent else LostError)(f"nothing says that “{name}” is wrong")
    await hand.expect(f"“{name}” can be corrected", IsVisible(field), outcome=False)
