"""What a command says when it cannot go on, and the exit code it leaves."""


class CommandError(Exception):
    """A message for standard error. ``code`` is the exit code; an empty message prints nothing."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class UsageError(CommandError):
    """The command line is wrong: the message goes with a hint where help is.

    ``command`` is the whole command where that is more than its first word.
    """

    def __init__(self, message: str, *, command: str = "") -> None:
        super().__init__(message)
        self.command = command


class FlagError(CommandError):
    """A flag is unknown or its value cannot be read: the message goes with pflag's hint."""


class HelpWanted(Exception):
    """The command's help is to be printed: on standard output, or with a code other than 0 on standard error."""

    def __init__(self, code: int = 0) -> None:
        super().__init__()
        self.code = code
