"""One normal form of a student's id, for the database, folders of photos, models and whatever else names students."""

from __future__ import annotations

import unicodedata

# Characters. Longer text is no id, and to normalise it takes a time that grows with the square of its length.
_FAR_TOO_LONG = 256


def normalised(text: str) -> str:
    """``text`` as an id is kept: composed (NFC), without spaces around it. What is far too long stays as it is."""
    if len(text) > _FAR_TOO_LONG:
        return text
    return unicodedata.normalize("NFC", text).strip(" ")


def key_of(student_id: str) -> str:
    """What two ids have in common when they differ only in case or in forms of the same characters: they are of one
    student. A file system may take their folders for one, and macOS gives names of folders decomposed."""
    if student_id.isascii():
        return student_id.casefold()
    key = student_id
    while len(key) <= _FAR_TOO_LONG:  # folding the case can undo the form; once nearly always does
        folded = folded_once(key)
        if folded == key:
            break
        key = folded
    return key


def folded_once(text: str) -> str:
    """``text`` of our own, of any length, without differences of case and form, to look for ``key_of`` an id in it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
