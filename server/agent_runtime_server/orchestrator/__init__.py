"""Use cases. This package knows the domain and the ports, nothing else."""
