"""Invented surnames and roads: unmistakable canaries that a leak test can search for. Given names are
ordinary Danish ones.

No surname or road stem is a word of Danish or English or of any log format, so a hit outside the rooms for
clear personal data is a leak and nothing else.
"""

from services.simulator.numbers import Sex, mix

_STEMS = (
    "Zynt",
    "Kanari",
    "Fiktiv",
    "Attrapp",
    "Kulissel",
    "Opdigtel",
    "Mimikl",
    "Fantomsk",
    "Qvaselm",
    "Xylanderb",
    "Skinbov",
    "Marionet",
)
_ENDINGS = ("esen", "lund", "borg", "strup", "holm", "gaard", "erup", "dal", "skov", "bjerg", "vig", "toft")
SURNAMES = tuple(stem + ending for stem in _STEMS for ending in _ENDINGS)

_ROAD_STEMS = (
    "Kanarie",
    "Zynte",
    "Fiktivel",
    "Attrappe",
    "Kulisseling",
    "Opdigtel",
    "Mimikle",
    "Fantomsk",
    "Qvasel",
    "Xylander",
    "Skinbov",
    "Marionettel",
)
_ROAD_ENDINGS = ("vænget", "vej", "gade", "toften", "parken", "bakken", "stræde", "haven", "torvet", "lunden")
ROADS = tuple(stem + ending for stem in _ROAD_STEMS for ending in _ROAD_ENDINGS)

_WOMEN = (
    "Anna",
    "Bodil",
    "Cecilie",
    "Dorthe",
    "Else",
    "Freja",
    "Grethe",
    "Hanne",
    "Ida",
    "Johanne",
    "Karla",
    "Lærke",
    "Mette",
    "Nanna",
    "Olivia",
    "Pernille",
    "Rikke",
    "Signe",
    "Tove",
    "Ulla",
    "Vibeke",
    "Åse",
    "Maja",
    "Emma",
)
_MEN = (
    "Anders",
    "Bjørn",
    "Carl",
    "Daniel",
    "Erik",
    "Frederik",
    "Gustav",
    "Henrik",
    "Ib",
    "Jens",
    "Kasper",
    "Lars",
    "Mikkel",
    "Niels",
    "Oskar",
    "Per",
    "Rasmus",
    "Søren",
    "Thomas",
    "Ulrik",
    "Viggo",
    "Åge",
    "Noah",
    "William",
)


def surname(bits: int) -> str:
    """A surname for any number."""
    return SURNAMES[bits % len(SURNAMES)]


def given(bits: int, sex: Sex) -> str:
    """One or two given names for any number."""
    names = _WOMEN if sex == "F" else _MEN
    first, second = names[bits % 24], names[(bits >> 8) % 24]
    return first if first == second or bits & 0x10000 else f"{first} {second}"


def road(code: int) -> str:
    """The road name of a road code, the same in every municipality."""
    return ROADS[mix(7, code) % len(ROADS)]


def canary_words() -> list[str]:
    """All surnames and road names, those with Danish letters also as JSON escapes them."""
    words = [*SURNAMES, *ROADS]
    escaped = (word.encode("ascii", "backslashreplace").decode().replace("\\x", "\\u00") for word in ROADS)
    return sorted({*words, *escaped})
