"""Adapters: one module or package for each thing outside."""
