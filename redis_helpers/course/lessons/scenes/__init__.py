"""The test benches of the lessons: what measures, fills and disturbs, a module `scene_NN` a lesson."""
