"""A student's own data as one file to hand over."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import datetime

from attendance import erasures, face_images
from attendance.actor import Actor
from attendance.database import Database
from operations.face_keeping import FaceKeeper


def archive(database: Database, faces: FaceKeeper, actor: Actor, student_id: int, now: datetime) -> bytes:
    """A ZIP of ``data.json`` and ``images/<id>.jpg``. At most 60 images of some 50 KB, so it is made in memory."""
    with database.writing() as db:
        data = erasures.export(db, actor, student_id, now)
        images = face_images.list_images(db, actor, student_id)
    missing = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for image in images:
            try:
                file.writestr(f"images/{image.id}.jpg", faces.files.read(image.path))
            except OSError:
                missing.append(image.id)
        data["face_images_missing"] = missing
        file.writestr("data.json", json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    return buffer.getvalue()
