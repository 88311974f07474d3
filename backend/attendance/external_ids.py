"""What can be the id of a student: a folder name on every system, a class of the model, and nobody else's when typed
in another case. The same for every way in: forms, imports, programs."""

from __future__ import annotations

import unicodedata

from student_ids import key_of, normalised

__all__ = ["LONGEST", "LONGEST_KEY", "MOST_BYTES", "erased_id", "key_of", "normalised", "problem"]

LONGEST = 64  # characters
MOST_BYTES = 200  # of UTF-8; file systems take 255, and files need names of their own beside it
LONGEST_KEY = 200  # characters; a letter can become three when its case is folded

# What an erased student is called; nobody else may be.
_ERASED = "erased-"

_MARKS = frozenset("-_. @+")  # the last two of e-mail addresses, where a school has no other ids
# Letters, marks that belong to a letter, decimal digits.
_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})
# Letters and marks that show nothing (Unicode: default ignorable code points), so that two ids would look the same.
_INVISIBLE = (
    (0x034F, 0x034F),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
# Windows gives these to devices, also with an extension, and in every folder.
_DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$"}) | {
    f"{device}{number}" for device in ("com", "lpt") for number in range(10)
}
# Left behind by systems and network drives; training passes over folders of these names.
_SYSTEM_FOLDERS = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"})
# What the recognizer and its reports call a face that is nobody's.
_RESERVED = frozenset({"unknown"})


def erased_id(student_id: int) -> str:
    """The external id of the student ``student_id`` (number of the row) once they are erased."""
    return f"{_ERASED}{student_id}"


def problem(external_id: str) -> str | None:
    """Why ``external_id`` cannot be the id of a student, or None when it can. To be read after "the id"."""
    if not external_id:
        return "is empty"
    if len(external_id) > LONGEST:
        return f"has {len(external_id)} characters, more than {LONGEST}"
    wrong = next((character for character in external_id if not _is_allowed(character)), None)
    if wrong is not None:
        return f"contains {_shown(wrong)}; use letters, digits, '-', '_', '.', '@', '+' and single spaces between them"
    if external_id[0] in " ." or external_id[-1] in " .":
        return "begins or ends with a space or a dot, which Windows leaves out of folder names"
    if external_id[0] in "-@+":
        return f"begins with '{external_id[0]}', which spreadsheets take for a formula and programs for an option"
    if unicodedata.category(external_id[0]) in ("Mn", "Mc"):
        return "begins with a mark that belongs to a letter before it"
    if "  " in external_id:
        return "contains two spaces one after the other, which cannot be told from one"
    if unicodedata.normalize("NFC", external_id) != external_id:
        return "is not in composed form (Unicode NFC)"
    return _length_problem(external_id) or _reserved_problem(key_of(external_id))


def _length_problem(external_id: str) -> str | None:
    size = len(external_id.encode())
    if size > MOST_BYTES:
        return f"has {size} bytes, more than the {MOST_BYTES} that leave room in a folder's name"
    if len(key_of(external_id)) > LONGEST_KEY:
        return "contains too many signs that stand for whole words"
    return None


def _reserved_problem(key: str) -> str | None:
    if key.split(".")[0].strip() in _DEVICES:
        return "is a name that Windows keeps for a device; put something before it"
    if key in _SYSTEM_FOLDERS or key in _RESERVED or key.startswith(_ERASED):
        return "is a name that the system keeps for itself; choose another one"
    return None


def _is_allowed(character: str) -> bool:
    if character in _MARKS:
        return True
    return unicodedata.category(character) in _CATEGORIES and not _is_invisible(character)


def _is_invisible(character: str) -> bool:
    return any(first <= ord(character) <= last for first, last in _INVISIBLE)


def _shown(character: str) -> str:
    """``character`` as a message can show it: what cannot be seen, by its number."""
    visible = unicodedata.category(character)[0] in "LNPS" and not _is_invisible(character)
    return f"'{character}'" if visible else f"U+{ord(character):04X}"
