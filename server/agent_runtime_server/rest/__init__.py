"""The HTTP door: the same API as gRPC, and more, for who speaks HTTP."""
