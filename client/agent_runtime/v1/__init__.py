"""Generated messages and stubs of the agent_runtime.v1 API. Made by bin/proto; never edited."""
