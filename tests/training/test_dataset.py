"""What the scan of a data set folder accepts, and what it says about the rest."""

from __future__ import annotations

import io
import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from errors import DatasetError
from recognizer.images import ImageLimits
from training.dataset import DatasetScan, IssueKind, Sample, apply_min_images, fingerprint, scan
from training.samples import students_with_enough

CONTENTS = iter(range(10**9))


def put(root: Path, name: str, content: bytes | None = None) -> Path:
    """A file at ``root``/``name``; its bytes differ from every other file's unless given."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"picture {next(CONTENTS)}".encode() if content is None else content)
    return path


def found(scanned: DatasetScan) -> list[str]:
    return [f"{sample.student_id}/{sample.path.name}" for sample in scanned.samples]


def issues(scanned: DatasetScan) -> list[tuple[str, str]]:
    return [(issue.kind.value, str(issue.path.relative_to(scanned.root))) for issue in scanned.issues if issue.path]


def test_too_few_photos_say_what_was_passed_over_each_kind_once(tmp_path: Path) -> None:
    for student in ("s1", "s2"):
        for number in range(3):
            put(tmp_path, f"{student}/film{number}.mp4", b"\0\0\0\x20ftypisom%d" % number)
            put(tmp_path, f"{student}/{number}.jpg", b"")
        put(tmp_path, f"{student}/2025/a.jpg")
        put(tmp_path, f"{student}/form.pdf", b"%PDF-1.7")
    with pytest.raises(DatasetError) as refused:
        apply_min_images(scan(tmp_path))
    message = str(refused.value)
    assert "6 files of this kind: s1/film0.mp4 is not used: this is a video" in message
    assert "6 files of this kind: s1/0.jpg is empty" in message
    assert "2 files of this kind: s1/2025 is a folder inside" in message and "--dataset" in message
    assert "2 files of this kind: s1/form.pdf is not used: this is a PDF" in message
    assert message.count("of this kind") == 4


def test_pictures_are_known_by_their_content(tmp_path: Path) -> None:
    jpeg = io.BytesIO()
    Image.new("RGB", (30, 30)).save(jpeg, "JPEG")
    for name in ("s1/photo", "s1/photo.backup", "s1/a.jfif", "s1/b.pgm", "s1/c.HEIC"):
        put(tmp_path, name, jpeg.getvalue() + name.encode())
    put(tmp_path, "s1/notes.txt", b"BM, text")
    scanned = scan(tmp_path)
    assert len(scanned.samples) == 5 and issues(scanned) == [("foreign_file", "s1/notes.txt")]


def test_every_image_is_found_in_code_point_order_whatever_its_extension(tmp_path: Path) -> None:
    for name in ["b/2.PNG", "b/10.jpg", "a/x.JPEG", "a/y.webp", "Ä/z.tif", "Z/w.bmp", "Z/v.gif"]:
        put(tmp_path, name)
    scanned = scan(tmp_path)
    assert found(scanned) == ["Z/v.gif", "Z/w.bmp", "a/x.JPEG", "a/y.webp", "b/10.jpg", "b/2.PNG", "Ä/z.tif"]
    assert scanned.student_ids == ("Z", "a", "b", "Ä")
    assert scanned.issues == ()
    assert scanned.root.is_absolute()


def test_the_order_of_the_file_system_makes_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ["c/1.jpg", "a/1.jpg", "a/2.jpg", "b/1.jpg", "notes.txt"]:
        put(tmp_path, name)
    forwards = scan(tmp_path)
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listed(self), reverse=True)))
    assert scan(tmp_path) == forwards


def test_files_that_are_not_photos_of_a_student_are_named(tmp_path: Path) -> None:
    put(tmp_path, "s1/1.jpg")
    for name in [
        ".DS_Store",
        "s1/.hidden.jpg",
        "s1/Thumbs.db",
        "readme.txt",
        "s1/notes.pdf",
        "loose.jpg",
        "s1/more/2.jpg",
    ]:
        put(tmp_path, name)
    (tmp_path / "empty").mkdir()
    scanned = scan(tmp_path)
    assert found(scanned) == ["s1/1.jpg"]
    assert sorted(issues(scanned)) == sorted(
        [
            ("hidden_file", ".DS_Store"),
            ("hidden_file", "s1/.hidden.jpg"),
            ("hidden_file", "s1/Thumbs.db"),
            ("foreign_file", "readme.txt"),
            ("foreign_file", "s1/notes.pdf"),
            ("loose_file", "loose.jpg"),
            ("nested_folder", "s1/more"),
            ("empty_folder", "empty"),
        ]
    )
    for issue in scanned.issues:
        assert issue.path is not None
        assert issue.message.startswith(issue.path.relative_to(tmp_path).as_posix())
        assert issue.message.endswith(".")


def test_files_that_cannot_be_a_picture_are_reported_without_being_read(tmp_path: Path) -> None:
    put(tmp_path, "s1/good.jpg")
    put(tmp_path, "s1/none.jpg", b"")
    put(tmp_path, "s1/huge.jpg", b"x" * 2000)
    scanned = scan(tmp_path, ImageLimits(max_bytes=1000))
    assert found(scanned) == ["s1/good.jpg"]
    assert issues(scanned) == [("unreadable", "s1/huge.jpg"), ("unreadable", "s1/none.jpg")]
    assert "2,000 bytes" in scanned.issues[0].message
    assert "0 bytes" in scanned.issues[1].message


def test_the_same_file_twice_in_a_folder_is_used_once(tmp_path: Path) -> None:
    put(tmp_path, "s1/a.jpg", b"same")
    put(tmp_path, "s1/b.jpg", b"same")
    put(tmp_path, "s1/c.jpg")
    scanned = scan(tmp_path)
    assert found(scanned) == ["s1/a.jpg", "s1/c.jpg"]
    assert issues(scanned) == [("exact_duplicate", "s1/b.jpg")]
    assert "s1/a.jpg" in scanned.issues[0].message


def test_the_same_file_in_two_students_folders_is_used_for_neither(tmp_path: Path) -> None:
    put(tmp_path, "s1/a.jpg", b"same")
    put(tmp_path, "s1/own.jpg")
    put(tmp_path, "s2/b.jpg", b"same")
    put(tmp_path, "s2/own.jpg")
    scanned = scan(tmp_path)
    assert found(scanned) == ["s1/own.jpg", "s2/own.jpg"]
    assert issues(scanned) == [("conflicting_duplicate", "s1/a.jpg"), ("conflicting_duplicate", "s2/b.jpg")]
    assert "s2/b.jpg" in scanned.issues[0].message


@pytest.mark.parametrize("name", [" s", "s ", "s.", "s\x07", "s\n2", "x" * 129])
@pytest.mark.skipif(os.name == "nt", reason="Windows itself refuses such names")
def test_folder_names_that_cannot_be_student_ids(tmp_path: Path, name: str) -> None:
    put(tmp_path, "good/1.jpg")
    put(tmp_path, f"{name}/1.jpg")
    scanned = scan(tmp_path)
    assert found(scanned) == ["good/1.jpg"]
    (issue,) = scanned.issues
    assert issue.kind is IssueKind.BAD_STUDENT_ID
    assert all(unicodedata.category(character) != "Cc" for character in issue.message)


@pytest.mark.skipif(os.name == "nt", reason="Windows names are always text")
def test_a_folder_name_that_is_not_text(tmp_path: Path) -> None:
    put(tmp_path, "good/1.jpg")
    try:
        (tmp_path / os.fsdecode(b"s\xff")).mkdir()
    except OSError:
        pytest.skip("this file system only takes UTF-8 names")
    (issue,) = scan(tmp_path).issues
    assert issue.kind is IssueKind.BAD_STUDENT_ID
    issue.message.encode()


@pytest.mark.parametrize("name", ["学生 1", "Łukasz O'Neil", "2021-CS.17", "x" * 128])
def test_names_from_anywhere_are_student_ids(tmp_path: Path, name: str) -> None:
    put(tmp_path, f"{name}/1.jpg")
    assert scan(tmp_path).student_ids == (name,)


NFC, NFD, UPPER = "M\u00fcller", "Mu\u0308ller", "M\u00dcLLER"


@pytest.mark.parametrize("folder", [NFC, NFD, UPPER])
def test_a_folder_belongs_to_the_id_on_the_list_in_any_case_and_form(tmp_path: Path, folder: str) -> None:
    put(tmp_path, f"{folder}/1.jpg")
    scanned = scan(tmp_path, only=[NFD])
    assert scanned.student_ids == (NFC,) and not scanned.issues
    assert scan(tmp_path).student_ids == (unicodedata.normalize("NFC", folder),)
    assert scan(tmp_path).spelled_like([NFD]).student_ids == (NFD,)


@pytest.mark.parametrize("second", [NFD, UPPER])
def test_two_folders_of_one_id_are_one_student(tmp_path: Path, second: str) -> None:
    put(tmp_path, f"{NFC}/1.jpg", b"1")
    try:
        (tmp_path / second).mkdir()
    except FileExistsError:
        pytest.skip("this file system takes the two names for one")
    put(tmp_path, f"{second}/2.jpg", b"2")
    put(tmp_path, f"{second}/again.jpg", b"1")
    scanned = scan(tmp_path)
    assert len(scanned.student_ids) == 1 and len(scanned.samples) == 2
    assert sorted(issue.kind for issue in scanned.issues) == [IssueKind.EXACT_DUPLICATE, IssueKind.SAME_STUDENT]


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        pytest.skip("links cannot be made here")


def test_links_are_followed_inside_the_folder_only(tmp_path: Path) -> None:
    outside = put(tmp_path, "outside/secret.jpg")
    root = tmp_path / "root"
    inside = put(root, "s1/1.jpg")
    link(root / "s1/2.jpg", outside)
    link(root / "s1/3.jpg", inside)
    link(root / "s1/loop.jpg", root / "s1/loop.jpg")
    link(root / "s2", outside.parent)
    scanned = scan(root)
    assert found(scanned) == ["s1/1.jpg"]
    assert issues(scanned)[:1] == [("outside_link", "s1/2.jpg")]
    assert ("outside_link", "s2") in issues(scanned)
    assert ("exact_duplicate", "s1/3.jpg") in issues(scanned)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    put(tmp_path, "real/s1/1.jpg")
    link(tmp_path / "root", tmp_path / "real")
    assert found(scan(tmp_path / "root")) == ["s1/1.jpg"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_folder_that_may_not_be_opened(tmp_path: Path) -> None:
    put(tmp_path, "s1/1.jpg")
    put(tmp_path, "s2/1.jpg")
    (tmp_path / "s1").chmod(0)
    try:
        assert issues(scan(tmp_path)) == [("unreadable_folder", "s1")]
    finally:
        (tmp_path / "s1").chmod(0o700)


def test_a_folder_that_fails_to_list_does_not_stop_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "s1/1.jpg")
    put(tmp_path, "s2/1.jpg")
    listed = Path.iterdir

    def refusing(self: Path):
        if self.name == "s1":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refusing)
    scanned = scan(tmp_path)
    assert found(scanned) == ["s2/1.jpg"]
    assert issues(scanned) == [("unreadable_folder", "s1")]


def test_no_folder_no_students_and_loose_images_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no folder"):
        scan(tmp_path / "missing")
    file = put(tmp_path, "file.jpg")
    with pytest.raises(DatasetError, match="a file, not a folder"):
        scan(file)
    (tmp_path / "empty").mkdir()
    put(tmp_path, "empty/.gitkeep")  # as in a new checkout
    with pytest.raises(DatasetError, match="it is empty"):
        scan(tmp_path / "empty")
    put(tmp_path, "empty/notes.txt")
    with pytest.raises(DatasetError, match="it holds nothing but 1 other file"):
        scan(tmp_path / "empty")
    put(tmp_path, "loose/a.jpg")
    put(tmp_path, "loose/b.jpg")
    with pytest.raises(DatasetError) as caught:
        scan(tmp_path / "loose")
    message = str(caught.value)
    assert "2 images" in message
    assert str(tmp_path / "loose") in message
    assert str(Path("<student_id>") / "photo.jpg") in message


def test_a_relative_root_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatasetError) as caught:
        scan(Path("nowhere"))
    assert str(tmp_path / "nowhere") in str(caught.value)


def test_students_with_too_few_images_are_listed_and_left_out(tmp_path: Path) -> None:
    for name in ["s1/1.jpg", "s1/2.jpg", "s2/1.jpg", "s2/2.jpg", "s3/1.jpg"]:
        put(tmp_path, name)
    put(tmp_path, "s4/1.jpg", b"twin")
    put(tmp_path, "s4/2.jpg", b"twin")
    put(tmp_path, "s5/1.jpg", b"")
    kept = apply_min_images(scan(tmp_path))
    assert kept.student_ids == ("s1", "s2")
    few = {issue.student_id: issue.message for issue in kept.issues if issue.kind is IssueKind.TOO_FEW_IMAGES}
    assert sorted(few) == ["s3", "s4", "s5"]
    assert "1 image" in few["s4"]
    assert "0 images" in few["s5"]
    assert apply_min_images(scan(tmp_path), 1).student_ids == ("s1", "s2", "s3", "s4")


def test_one_student_alone_is_an_error(tmp_path: Path) -> None:
    for name in ["s1/1.jpg", "s1/2.jpg", "s2/1.jpg"]:
        put(tmp_path, name)
    with pytest.raises(DatasetError) as caught:
        apply_min_images(scan(tmp_path))
    assert "only s1 has 2 images" in str(caught.value)
    assert "s2 (1)" in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(DatasetError, match="no student has 5 images"):
        apply_min_images(scan(tmp_path), 5)
    with pytest.raises(DatasetError, match="at least 1, got 0"):
        students_with_enough([], [], 0)


def test_the_fingerprint_follows_content_and_owner_not_names(tmp_path: Path) -> None:
    put(tmp_path, "one/s1/a.jpg", b"1")
    put(tmp_path, "one/s2/b.jpg", b"2")
    put(tmp_path, "two/s1/renamed.jpg", b"1")
    put(tmp_path, "two/s2/b.jpg", b"2")
    put(tmp_path, "swapped/s1/a.jpg", b"2")
    put(tmp_path, "swapped/s2/b.jpg", b"1")
    first = scan(tmp_path / "one").fingerprint
    assert first == scan(tmp_path / "two").fingerprint
    assert first != scan(tmp_path / "swapped").fingerprint
    reversed_order = [Sample(s.student_id, s.path, s.sha256) for s in reversed(scan(tmp_path / "one").samples)]
    assert fingerprint(reversed_order) == first
