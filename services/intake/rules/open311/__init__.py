"""Open311 GeoReport v2 as this district speaks it: what is asked, what is answered. Pure.

The standard is frozen: https://wiki.open311.org/GeoReport_v2. Names of its parameters and fields
are its own; everything behind them has the words of the glossary.
"""
