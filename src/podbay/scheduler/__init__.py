"""Places pods on nodes: queue, snapshot, a pure cycle of filter and score plugins, bind."""
