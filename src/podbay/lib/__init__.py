"""Plain Python and asyncio parts with no Kubernetes word in them; the lowest floor."""
