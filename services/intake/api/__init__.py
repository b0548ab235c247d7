"""intake's HTTP doors for programs: partners' systems, and the console's own JSON."""
