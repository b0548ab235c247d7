"""What Open311 changes: keys, services' questions, requests, updates, the sandbox."""
