"""What can be the id of a student."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from attendance import external_ids
from training.dataset import student_id_problem


@pytest.mark.parametrize(
    "external_id",
    [
        "12345",
        "s-1_a.b",
        "Anna Müller",
        "学生 7",
        "студент-3",
        "ابراهیم",
        "अनिता",
        "a" * 64,
        "中" * 64,
        "con1",
        "xcon",
        "8",
    ],
)
def test_numbers_and_names_of_any_alphabet_can_be_ids(external_id: str, tmp_path: Path) -> None:
    external_id = unicodedata.normalize("NFC", external_id)
    assert external_ids.problem(external_id) is None
    (tmp_path / external_id).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [external_id]


@pytest.mark.parametrize(
    ("external_id", "why"),
    [
        ("", "is empty"),
        ("../etc", "'/'"),
        ("a/b", "'/'"),
        ("a\\b", "'\\'"),
        ("..", "begins or ends"),
        ("a.", "begins or ends"),
        (".a", "begins or ends"),
        (" a", "begins or ends"),
        ("a  b", "two spaces"),
        ("-rf", "begins with '-'"),
        ("=1+1", "'='"),
        ("a\0", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\tb", "U+0009"),
        ("a\u202eb", "U+202E"),
        ("a\u200bb", "U+200B"),
        ("a\u200db", "U+200D"),
        ("a\ufeffb", "U+FEFF"),
        ("a\u00a0b", "U+00A0"),
        ("a\u3164b", "U+3164"),
        ("a\ufe0fb", "U+FE0F"),
        ("a\ud800b", "U+D800"),
        ("a\ue000b", "U+E000"),
        ("\u0301a", "mark"),
        ("a\u0308", "composed"),
        ("a:b", "':'"),
        ("😀", "'😀'"),
        ("CON", "Windows"),
        ("nul.txt", "Windows"),
        ("Com1", "Windows"),
        ("com\uff11", "Windows"),
        ("lpt9.tar.gz", "Windows"),
        ("aux .x", "Windows"),
        ("unknown", "system"),
        ("Unknown", "system"),
        ("Thumbs.db", "system"),
        ("erased-12", "system"),
        ("x" * 65, "65 characters"),
        ("𠀀" * 51, "204 bytes"),
        ("\ufdfa" * 12, "whole words"),
    ],
)
def test_what_is_no_folder_or_looks_like_another_is_refused(external_id: str, why: str) -> None:
    problem = external_ids.problem(external_id)
    assert problem is not None and why in problem
    assert problem.isprintable()


def test_two_ids_that_a_file_system_takes_for_one_have_the_same_key() -> None:
    for one, other in [("abc", "ABC"), ("straße", "STRASSE"), ("s1", "s\uff11"), ("ﬁn", "FIN"), ("Å", "å")]:
        assert external_ids.key_of(one) == external_ids.key_of(other)
    assert external_ids.key_of("a1") != external_ids.key_of("a2")


def test_the_training_takes_every_id_that_is_accepted() -> None:
    rng = random.Random(3)
    letters = [chr(code) for code in range(0x3100)] + ["a", "b", ".", " ", "-"] * 800
    accepted = 0
    for _ in range(20_000):
        external_id = external_ids.normalised("".join(rng.choices(letters, k=rng.randint(1, 4))))
        if external_ids.problem(external_id) is None:
            accepted += 1
            assert student_id_problem(external_id) is None, ascii(external_id)
            key = external_ids.key_of(external_id)
            assert external_ids.key_of(key) == key and len(key) <= external_ids.LONGEST_KEY
    assert accepted > 1000
