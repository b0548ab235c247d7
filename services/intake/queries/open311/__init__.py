"""What Open311 reads: keys, services, places, requests that may be shown, updates, the sandbox."""
