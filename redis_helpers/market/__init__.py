"""The source behind the cache: a fruit market's database."""
