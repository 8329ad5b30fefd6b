"""The benches of the lessons: what a lesson measures, breaks or draws with, in a module `scene_NN` of its own."""
