"""The one base of errors a person can put right."""


class NightshiftError(Exception):
    """Something a user can mend. The message says what, where, why, and what to do next.

    Everything that runs a stage shows the message and no traceback.
    """
