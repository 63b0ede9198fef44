"""PostgreSQL: the catalogue and the decision side."""
