"""The right answer to a month of partner events, worked out without any of Linli's own code."""
