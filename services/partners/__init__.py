"""partners 合伙人, the register of partners: organisations, agreements 合作意向书, credentials and
contribution. It says who may post to intake; it never talks to residents.
"""
