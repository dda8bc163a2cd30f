"""The one exception for what a user can mend."""


class ConfigError(Exception):
    """A mistake in the config or in the usage, found before any job was submitted.

    The message says where the mistake is (the config key), what is wrong with it, and what would be right. The
    sweeper prints it without a traceback and ends with exit code 2.
    """
