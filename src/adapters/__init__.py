"""What the domain's ports are plugged into."""
