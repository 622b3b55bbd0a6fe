"""The gateway to language models: providers' keys live here, and nowhere else."""

from agent_runtime_server.adapters.gateway.gateway import GatewayLimits, ModelGateway

__all__ = ["GatewayLimits", "ModelGateway"]
