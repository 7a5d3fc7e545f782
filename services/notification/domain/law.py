"""The legal basis that a letter names, by the date on which it was asked for (the run, or a later correction)."""

from datetime import date

from events.letter import LegalBasis

BARNETS_LOV_FROM = date(2024, 1, 1)
"""Barnets lov § 133 took over the employees' duty to notify from serviceloven § 153 (source: the domain page, section 4)."""


def legal_basis(day: date) -> LegalBasis:
    """The duty of public employees to notify (*skærpet underretningspligt*) as the law was on this day."""
    if day < BARNETS_LOV_FROM:
        return LegalBasis("serviceloven", "§ 153", "serviceloven § 153 (skærpet underretningspligt)")
    return LegalBasis("barnets lov", "§ 133", "barnets lov § 133 (skærpet underretningspligt)")
