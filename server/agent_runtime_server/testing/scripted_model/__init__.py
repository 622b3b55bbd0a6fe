"""A model endpoint that plays scenarios instead of thinking, for tests without a network."""

from agent_runtime_server.testing.scripted_model.scenarios import ScenarioError, Scenarios
from agent_runtime_server.testing.scripted_model.server import Asked, ScriptedModel

__all__ = ["Asked", "ScenarioError", "Scenarios", "ScriptedModel"]
