"""How every component talks to the API server: kubeconfig, REST, reflectors, informers, leases, events."""
