"""Items: notes that belong to one person alone."""
