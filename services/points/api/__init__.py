"""points' JSON: passbooks, partners' accounts, the rules, and the totals."""
