"""Keys, bytes, revisions and watches with etcd's semantics; knows nothing of Kubernetes."""
