"""The Agent Runtime server: tasks, their event log, and what carries them out."""
