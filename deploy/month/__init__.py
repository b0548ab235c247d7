"""Plays a month of partner events through the real doors, and says whether the answer is right.

read         lines of events.jsonl, bad ones named by number
parcels      CloudEvents encoding: what goes over the wire for one or several sends
plan         groups batch sends and keeps apart what must not race
doors        both doors at once; every send's verdict awaited
outcome      the services' own numbers, read only
settle       waits until nothing is on its way any more
check        compares with expected.json and expected_balances.csv
summary      what a person is told
load         district, residents, partners and rules into the services
play         all of it, in order
"""
