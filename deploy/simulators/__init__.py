"""Stand-ins for vendors, so that a district can be tried and tested without them."""
