"""Files that are dropped rather than chosen: photos, a folder of them, a roster, and what falls beside its place."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from sample_class.members import STRANGERS
from support.dragging import drop
from support.pictures import face_picture
from support.school import ROBIN, School

# Each photo is judged, on a slow machine too.
STORED_MS = 60_000


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder as a camera's card has it: two photos, one of them a folder deeper, and what is none."""
    folder = tmp_path / "card"
    (folder / "second").mkdir(parents=True)
    for shot, path in enumerate((folder / "1.jpg", folder / "second" / "2.jpg")):
        data = io.BytesIO()
        Image.fromarray(face_picture(STRANGERS[1].person, shot + 5, 240)).save(data, "JPEG", quality=92)
        path.write_bytes(data.getvalue())
    (folder / ".DS_Store").write_bytes(b"of the system")
    (folder / "notes.txt").write_text("Ask for more light", "utf-8")
    return folder


@pytest.fixture
def student(page_of: Callable[..., Page], school: School) -> tuple[Page, dict[str, Any]]:
    """The page of somebody new, who consented."""
    page = page_of("/", ROBIN)
    course = school.main_course(page.context)
    fields = {"external_id": "drop-1", "name": "Dana Rop", "course_id": course["id"]}
    made = school.call(page.context, "POST", "/students", fields)
    school.call(page.context, "POST", f"/students/{made['id']}/consents", {"method": "paper"})
    page.goto(f"/#/students/{made['id']}")
    return page, made


def test_a_folder_of_photos_is_taken_as_the_photos_in_it(
    student: tuple[Page, dict[str, Any]], photos: Path, tmp_path: Path
) -> None:
    page, _ = student
    place = page.locator(".drop")
    drop(place, [photos])
    expect(page.get_by_text("2 photos stored")).to_be_visible(timeout=STORED_MS)
    expect(page.get_by_role("heading", name="2 photos", exact=True)).to_be_visible()
    refused = page.get_by_role("alert").get_by_role("listitem")
    expect(refused).to_have_count(1)
    expect(refused).to_contain_text("notes.txt: This is not a picture that can be read")

    (tmp_path / "empty").mkdir()
    drop(place, [tmp_path / "empty"])
    expect(page.get_by_role("status").filter(has_text="There is no file in this folder")).to_be_visible()


def test_a_roster_is_dropped_one_file_at_a_time(page_of: Callable[..., Page], school: School, tmp_path: Path) -> None:
    page = page_of("/")
    page.goto(f"/#/courses/{school.main_course(page.context)['id']}/import")
    place = page.locator(".drop")
    expect(place).to_be_visible()
    lists = [tmp_path / "lists" / f"{name}.csv" for name in ("first", "second", "third")]
    alone = tmp_path / "one" / "first.csv"
    for path in (*lists, alone):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"id,name\nd-{path.stem},Dana Rop\n", "utf-8")
    drop(place, lists[:2])
    expect(page.get_by_role("alert")).to_contain_text("2 files at once cannot be read")
    drop(place, [lists[0].parent])
    expect(page.get_by_role("alert")).to_contain_text("3 files at once cannot be read")
    drop(place, [alone.parent])
    expect(page.get_by_role("heading", name="Which column is what?")).to_be_visible()
    expect(page.get_by_text("first.csv · 1 row")).to_be_visible()


def test_a_file_that_falls_beside_its_place_leaves_the_page_as_it_is(
    page_of: Callable[..., Page], school: School, tmp_path: Path
) -> None:
    page = page_of("/")
    page.goto(f"/#/courses/{school.main_course(page.context)['id']}/import")
    heading = page.get_by_role("heading", name="What the file needs")
    expect(heading).to_be_visible()
    page.evaluate(
        """window.over = [];
        addEventListener('dragover', (it) => over.push(`${it.defaultPrevented} ${it.dataTransfer.dropEffect}`));
        """
    )
    (tmp_path / "class.csv").write_text("id,name\nd-1,Dana Rop\n", "utf-8")
    drop(heading, [tmp_path / "class.csv"])
    expect(heading).to_be_visible()
    # otherwise some browsers open the file in the place of the page
    assert set(page.evaluate("window.over")) == {"true none"}
