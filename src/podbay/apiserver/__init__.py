"""The API server: app, auth, verbs, admission, registry, storage; the only part that opens the store."""
