"""What ships with the server beside its code; packaged as data."""
