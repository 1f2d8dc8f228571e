"""HTTP load: everybody pays somebody, with a fresh key each time, and every answer is written down."""
