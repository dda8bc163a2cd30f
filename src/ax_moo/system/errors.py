"""ConfigError, the exception for every mistake that the user can correct, and NoException."""


class ConfigError(Exception):
    """A mistake in the config or in the command, found before any job was submitted.

    The message names the config key, says what is wrong with its value, and what would be right. The sweeper prints
    it without a traceback and ends with exit code 2.
    """


class NoException(Exception):
    """The application raised what does not derive from Exception; the message is the line about that."""
