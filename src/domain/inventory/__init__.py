"""Stock: what is there, what is promised, what has left; decided once and projected for readers."""
