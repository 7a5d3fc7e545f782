"""Municipalities that act for others (*delegation*). Data, not code; the list of real agreements is not public.

Læsø's family work is done by Frederikshavn: that one is publicly known. Further rows belong here with their source.
"""

DELEGATIONS: dict[str, str] = {"825": "813"}
"""Municipality to the one that acts for it: Læsø → Frederikshavn."""
