"""How Linli is installed, started, shown and measured; nothing here runs inside a service."""
