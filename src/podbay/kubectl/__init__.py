"""The command line: kubectl's verbs, flags, output and exit codes; one file a command."""
