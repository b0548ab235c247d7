"""What the four web faces share: the base app, errors, sessions, layout, languages, API pages.

It knows HTTP and people's browsers, and no rule of any service.
"""
