"""OpenCode as a driver: an LLM agent in a sandbox of its own, one process for each attempt at a task."""
