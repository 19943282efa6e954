"""The container runtime's part of a pod's start: recorded between podbay and containerd, and played again alone."""
