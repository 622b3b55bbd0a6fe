"""The explorer: a driver that needs no model. ``driver`` runs in the server; the rest is its own process."""
