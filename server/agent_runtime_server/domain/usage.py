"""What models have used: tokens and money."""

from __future__ import annotations

from dataclasses import dataclass, replace

NANOS = 1_000_000_000
"""Of a US dollar: money is counted in them, as integers."""


@dataclass(frozen=True, slots=True)
class Price:
    """Nano-dollars a token, for each kind of token: a price of 3 USD a million tokens is 3,000."""

    input: int
    output: int
    cache_read: int
    cache_write: int


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """What calls of one model have used."""

    model: str
    """"provider/model"."""
    input_tokens: int = 0
    """All of the input, cached parts included."""
    output_tokens: int = 0
    """All of the output, reasoning included."""
    reasoning_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    requests: int = 0
    cost: int | None = None
    """In nano-dollars; None when the model has no known price."""

    def plus(self, other: ModelUsage) -> ModelUsage:
        """Both together, of the same model."""
        known = self.cost is not None and other.cost is not None
        return ModelUsage(
            self.model,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cache_read_tokens + other.cache_read_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.requests + other.requests,
            (self.cost or 0) + (other.cost or 0) if known else None,
        )

    def priced(self, price: Price) -> ModelUsage:
        """The same, with what it costs."""
        plain = max(0, self.input_tokens - self.cache_read_tokens - self.cache_write_tokens)
        cost = (
            plain * price.input
            + self.output_tokens * price.output
            + self.cache_read_tokens * price.cache_read
            + self.cache_write_tokens * price.cache_write
        )
        return replace(self, cost=cost)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a task has used, one entry a model, by name."""

    models: tuple[ModelUsage, ...] = ()

    def plus(self, used: ModelUsage) -> Usage:
        """With one more call."""
        by_name = {model.model: model for model in self.models}
        earlier = by_name.get(used.model)
        by_name[used.model] = earlier.plus(used) if earlier else used
        return Usage(tuple(by_name[name] for name in sorted(by_name)))

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return sum(model.input_tokens + model.output_tokens for model in self.models)

    @property
    def cost(self) -> int | None:
        """In nano-dollars; None when a model has no known price."""
        costs = [model.cost for model in self.models]
        return None if None in costs else sum(cost or 0 for cost in costs)


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits on spending, over all attempts; 0 is no limit."""

    max_cost: int = 0
    """In nano-dollars."""
    max_tokens: int = 0
    """Input and output together."""
    ask_at_limit: bool = False
    """Ask a person at the limit instead of failing."""

    def plus(self, added: Budget) -> Budget:
        """With what a person has added; a limit that is not set stays unset."""
        return replace(
            self,
            max_cost=self.max_cost + added.max_cost if self.max_cost else 0,
            max_tokens=self.max_tokens + added.max_tokens if self.max_tokens else 0,
        )

    def spent(self, usage: Usage) -> str:
        """Which limit is reached, in words; empty when none is."""
        if self.max_tokens and usage.tokens >= self.max_tokens:
            return f"{usage.tokens} tokens are used, and the budget is {self.max_tokens}"
        cost = usage.cost
        if self.max_cost and cost is not None and cost >= self.max_cost:
            return f"{cost / NANOS:.4f} USD are spent, and the budget is {self.max_cost / NANOS:.4f} USD"
        return ""
