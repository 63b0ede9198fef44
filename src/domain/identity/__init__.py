"""People: registration, sign-in, profiles."""
