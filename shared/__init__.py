"""Words, wires and gauges that all four services use; never a rule of any of them."""
