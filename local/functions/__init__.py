"""Functions as Lambda runs them: a process each, under AWS's runtime interface client."""
