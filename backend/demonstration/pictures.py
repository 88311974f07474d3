"""The demo's pictures: photos to enrol, photos to try the model with, and the clip of the class walking in."""

from __future__ import annotations

import shutil

from demonstration.cast import Cast
from demonstration.folder import DemoFolder
from sample_class.clip import write_clip
from sample_class.entrance import entrance, walk_in
from sample_class.photos import write_photos


class Pictures:
    """Each part is drawn elsewhere and put in its place as a whole, so that what is there is complete."""

    def __init__(self, folder: DemoFolder, cast: Cast) -> None:
        self._folder, self._cast = folder, cast
        self._photos = folder.students.parent
        self._unfinished = folder.root / ".photos"
        self._unfinished_clips = f".{folder.clip.name}-*"

    def has_photos(self) -> bool:
        return self._photos.is_dir()

    def has_clip(self) -> bool:
        return self._folder.clip.is_dir()

    def draw_photos(self) -> None:
        cast, unfinished = self._cast, self._unfinished
        shutil.rmtree(unfinished, ignore_errors=True)
        students, kept_back = (unfinished / path.name for path in (self._folder.students, self._folder.kept_back))
        write_photos(students, cast.students, shots=cast.photos)
        write_photos(unfinished / self._folder.strangers.name, cast.strangers, shots=cast.stranger_photos)
        for folder in sorted(students.iterdir()):
            (kept_back / folder.name).mkdir(parents=True)
            for path in sorted(folder.iterdir())[-cast.kept_back :]:
                path.rename(kept_back / folder.name / path.name)
        unfinished.rename(self._photos)

    def draw_clip(self) -> None:
        for left in self._folder.root.glob(self._unfinished_clips):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        write_clip(self._folder.clip, self._cast.groups, self._cast.seconds)

    def frames_drawn(self) -> tuple[int, int]:
        """How many frames of the clip there are, and how many there will be."""
        cast = self._cast
        groups = entrance() if cast.groups is None else cast.groups
        total = len(walk_in(groups, cast.seconds))
        return sum(1 for _ in self._folder.root.glob(f"{self._unfinished_clips}/*.jpg")), total

    def photos_drawn(self) -> tuple[int, int]:
        """How many photos there are, and how many there will be."""
        cast = self._cast
        total = len(cast.students) * cast.photos + len(cast.strangers) * cast.stranger_photos
        return sum(1 for _ in self._unfinished.rglob("*.jpg")), total
