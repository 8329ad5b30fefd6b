"""The exercises and quizzes of each lesson, in a module `lesson_NN` of its own."""
