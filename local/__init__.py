"""The same template on a laptop: emulated AWS, a real PostgreSQL, functions under AWS's runtime client."""
