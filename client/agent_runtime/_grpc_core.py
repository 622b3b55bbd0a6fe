"""Settings of gRPC's C core, which reads them from the environment when it is imported."""

import os

# It would tell stderr of each reconnect.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# At each fork it would stop and start its threads, in the child too, where they crash before the child becomes another
# program: a server starts many.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
