"""The kinds of incident, in the order people read them."""

DRIFT, PERFORMANCE, FAIRNESS = "drift", "performance", "fairness"
BUDGET, QUEUE, RELEASE = "budget", "queue", "release"

KINDS = {
    PERFORMANCE: "the champion is worse than it was",
    DRIFT: "the input moved, and it matters",
    FAIRNESS: "groups are treated unequally",
    RELEASE: "a version was rolled back",
    QUEUE: "cases are overdue at the desk",
    BUDGET: "the night cost more than it may",
}
"""Kind to what it says in a few words."""

ALL = "overall"
"""Subject of a kind that is about the whole night."""
