"""partners' HTTP doors for programs."""
