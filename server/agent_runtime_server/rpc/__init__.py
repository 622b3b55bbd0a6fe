"""The gRPC edge. Only this package and ``rest`` know the generated messages."""
