"""The Pod Security Standards: what a namespace's labels ask of its pods, and what a pod lacks.

Pure. :mod:`.policy` reads the labels, :mod:`.checks` looks at a pod; both by versions, up to that of Kubernetes 1.33.
Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from podbay.api.pod_security.checks import reasons, violations
from podbay.api.pod_security.policy import PREFIX, Policy, Standard, label_causes, policy_of

__all__ = ["PREFIX", "Policy", "Standard", "label_causes", "policy_of", "reasons", "violations"]
