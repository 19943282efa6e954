"""Tokens of service accounts: made, read, and told about.

Tokens are JSON Web Tokens that the cluster's own key signs; nothing of them is stored. What one is bound to (its
account, and a pod, secret or node) must still be there whenever it is shown.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
"""
