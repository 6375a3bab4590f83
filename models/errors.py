"""The root of every error Quietword raises on purpose."""


class QuietwordError(Exception):
    """Something an operator can act on; the message says what happened, where and what to do."""
