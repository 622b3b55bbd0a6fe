"""Keeps gRPC's C core, which reads this variable when it is imported, from telling stderr of each reconnect."""

import os

os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
