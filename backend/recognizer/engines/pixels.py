"""How pixels are normalised before a network sees them: ``(pixel - mean) / scale``, RGB 0..255."""

from __future__ import annotations

# FaceNet's training; MTCNN's too.
FACENET_MEAN, FACENET_SCALE = (127.5, 127.5, 127.5), 128.0
# dlib's own for its face network.
DLIB_MEAN, DLIB_SCALE = (122.782, 117.001, 104.298), 256.0
