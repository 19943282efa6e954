"""Images: archives read and built, pushed to the cluster's registry, pulled by its nodes."""
