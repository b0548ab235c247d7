"""The law of partners: what an organisation may be called, may become, and what a key looks like."""
