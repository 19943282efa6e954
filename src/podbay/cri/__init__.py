"""The container runtime over CRI v1: the interface, the gRPC client, a fake with the same behaviour."""
