"""``top``'s subcommands: what nodes and pods use."""
