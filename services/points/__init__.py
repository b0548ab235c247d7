"""points 积分, the counter: the ledger, earning rules and their caps, passbooks. It knows residents
and partners by number only, and decides nothing about requests or messages.
"""
