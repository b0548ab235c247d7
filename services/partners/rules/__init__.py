"""The law of partners: what an organisation may be called and become, what a key looks like."""
