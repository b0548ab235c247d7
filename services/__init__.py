"""The four services: intake (the ear), points (the counter), partners, notify (the mouth)."""
