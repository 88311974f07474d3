"""One normal form of a student's id, for the database, folders of photos, models and whatever else names students."""

from __future__ import annotations

import unicodedata

# Characters. Longer text is not an id, and the time to normalise it grows with the square of its length.
_FAR_TOO_LONG = 256


def normalised(text: str) -> str:
    """``text`` in the form in which ids are kept: composed (NFC), without spaces around it. Text longer than 256
    characters is returned unchanged."""
    if len(text) > _FAR_TOO_LONG:
        return text
    return unicodedata.normalize("NFC", text).strip(" ")


def key_of(student_id: str) -> str:
    """The same key for ids that differ only in case or in the Unicode form of their characters: they name one student.
    A file system may treat their folders as one, and macOS returns names of folders decomposed."""
    if student_id.isascii():
        return student_id.casefold()
    key = student_id
    while len(key) <= _FAR_TOO_LONG:  # folding can undo the normal form; one pass is nearly always enough
        folded = folded_once(key)
        if folded == key:
            break
        key = folded
    return key


def folded_once(text: str) -> str:
    """``text`` without differences of case and form, to look for the ``key_of`` an id in it. Only for our own text:
    its length is not limited here."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
