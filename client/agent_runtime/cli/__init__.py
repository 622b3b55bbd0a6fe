"""The ``agent-runtime`` command."""
