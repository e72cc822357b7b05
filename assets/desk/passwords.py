"""Passwords: what will do as one, and their argon2id hashes (RFC 9106).

Parameters are the defaults of argon2-cffi, which are RFC 9106's second recommended option (section
4, "low memory": 64 MiB, 3 passes, 4 lanes). A hash made with others is made anew at the next
sign-in. Passwords are normalised to NFKC first, so that one typed on another keyboard is the same
(NIST SP 800-63B-4, section 3.1.1.2).
"""

import unicodedata

from assets.errors import NightshiftError

SHORTEST = 12
LONGEST = 1024
"""Characters; a sentence fits many times, and nobody hashes megabytes for a stranger."""

DISTINCT = 5
"""Different characters a password has at least: 'aaaaaaaaaaaa' is twelve long."""

NAME_COUNTS_FROM = 4
"""Letters of a name from which on its occurrences in a password count for nothing."""


class BadPassword(NightshiftError):
    """A password that will not do; says which rule. Never quotes it."""


def require_password(name: str, password: str, what: str = "password") -> None:
    """Raise BadPassword unless it is long enough without the user's own name in it."""
    if len(password) > LONGEST:
        raise BadPassword(f"the {what} is longer than {LONGEST} characters")
    text = unicodedata.normalize("NFKC", password)
    if any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        raise BadPassword(f"the {what} has control characters in it: write others")
    rest = text.casefold()
    if len(name) >= NAME_COUNTS_FROM:
        rest = rest.replace(name, "")
    if len(rest) < SHORTEST:
        raise BadPassword(
            f"the {what} is too short: {SHORTEST} characters or more, not counting your name. Some "
            "words in a row do"
        )
    if len(set(rest)) < DISTINCT:
        raise BadPassword(f"the {what} repeats itself: use {DISTINCT} different characters or more")


def hashed(password: str) -> str:
    """The argon2id hash, with its salt and parameters, as text (PHC string format)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(unicodedata.normalize("NFKC", password))


def matches(hash_: str, password: str) -> bool:
    """Is it the password of the hash? Takes as long for a wrong one as for the right one."""
    from argon2 import PasswordHasher
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > LONGEST:
        password = ""  # nobody's: but it costs the same time
    try:
        text = unicodedata.normalize("NFKC", password).encode()
        return PasswordHasher().verify(hash_, text)
    except UnicodeEncodeError:
        return matches(hash_, "")
    except (VerificationError, InvalidHashError):
        return False


def outdated(hash_: str) -> bool:
    """Was it made with other parameters than a new one would be?"""
    from argon2 import PasswordHasher

    return PasswordHasher().check_needs_rehash(hash_)
