"""Measures on lfw-dev how strangers score against students, for each embedder, and writes the table that training uses.

    python benchmarks/embedder_profile.py            writes backend/training/embedder_profiles.json
    python benchmarks/embedder_profile.py --print    prints only

Galleries are made of the 79 people with ten photos or more; everybody else is a stranger. The constants of the accept
score (recognizer/scoring.py) were chosen on the same data by the table that openset.py prints.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from lfw import MISLABELLED, Faces, load
from recognizer.scoring import ScoringParameters
from training.profile_measurement import measure_profile
from training.profiles import PROFILE_FILE, EmbedderProfile

SEED = 20261123

# The limit is about two standard deviations of the compactness between students (0.068, 0.0085 and 0.023). The margin
# costs 0.1 % (FaceNet, both) and 0.2 % (dlib) of the students and was under all, or most, of the wrong rank-1 answers.
CONSTANTS = {
    "facenet": ScoringParameters(
        compactness_weight=1.4, compactness_prior=10, compactness_reference=0, compactness_limit=0.14, min_margin=0.03
    ),
    "dlib": ScoringParameters(
        compactness_weight=0.4,
        compactness_prior=10,
        compactness_reference=0,
        compactness_limit=0.0125,
        min_margin=0.004,
    ),
    "both": ScoringParameters(
        compactness_weight=0.8, compactness_prior=10, compactness_reference=0, compactness_limit=0.046, min_margin=0.008
    ),
}


def profile_of(embedder: str, faces: Faces, seed: int = SEED) -> EmbedderProfile:
    """The profile that these faces show."""
    strangers = faces.strangers
    return measure_profile(
        embedder,
        faces.embeddings,
        faces.names,
        faces.students,
        strangers,
        CONSTANTS[embedder],
        {
            "data": "lfw-dev (Labeled Faces in the Wild, deep-funneled), without three mislabelled photos",
            "students": len(faces.students),
            "stranger_photos": int(strangers.sum()),
            "strangers": len(np.unique(faces.names[strangers])),
            "script": "benchmarks/embedder_profile.py",
            "seed": seed,
        },
        seed,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--print", action="store_true", help="print the table instead of writing it")
    options = parser.parse_args()
    profiles = {name: profile_of(name, load(name).without(MISLABELLED)).as_dict() for name in CONSTANTS}
    text = json.dumps(profiles, indent=1) + "\n"
    if options.print:
        print(text)
    else:
        PROFILE_FILE.write_text(text, encoding="utf-8")
        print(f"wrote {PROFILE_FILE}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
