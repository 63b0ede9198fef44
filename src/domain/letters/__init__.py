"""Dead letters: messages that no function could work off, why, and what becomes of them."""
