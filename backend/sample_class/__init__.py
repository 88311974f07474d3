"""A class of people who do not exist, rendered: for the demo, for tests and for measurements.

No photo of anybody is in here or was used. ``portraits`` makes pictures, ``members`` says who is in the class,
``photos`` writes what training reads, ``clip`` writes a camera's view of the class walking in.
"""
