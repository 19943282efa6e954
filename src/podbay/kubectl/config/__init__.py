"""``config``: look at kubeconfig files and change them.

Takes words; reads and writes files by ``client.kubeconfig``. A change goes into the file that has the entry already, or
into the first that there is. Source: https://kubernetes.io/docs/reference/kubectl/generated/kubectl_config/
"""
