"""The commands that start the course."""
