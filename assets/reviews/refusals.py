"""Why a review is refused: each a message to the person, and nothing written."""

from assets.errors import NightshiftError


class ReviewRefused(NightshiftError):
    """A review that may not be recorded, or not now, or not by this person. Nothing was written."""


class UnknownDecision(ReviewRefused):
    """There is no decision of this id in the use case."""


class NotOpen(ReviewRefused):
    """The decision waits for nobody: a machine or people decided it, for good."""


class ReviewConflict(ReviewRefused):
    """Somebody else was quicker, or the night was decided anew. Says who, what and when."""


class BadRationale(ReviewRefused):
    """No rationale that can be kept: too short, too long, or with characters nobody sees."""


class SameReviewer(ReviewRefused):
    """Who has reviewed a decision cannot be its second pair of eyes."""


class NotAReviewer(ReviewRefused):
    """No user of this name, or one without the role, or one who was removed."""


class ClockBehind(ReviewRefused):
    """The clock says an earlier time than the review before."""
