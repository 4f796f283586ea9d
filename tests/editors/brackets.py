"""The made-up language of tests, xx: each text of impasto's stands in brackets, whatever is in it."""

import re

LANGUAGE = "xx"
INNERMOST = re.compile("⟦[^⟦⟧]*⟧")


def translated(text):
    return f"⟦{text}⟧"


def outside(text):
    """What of a text is in another language, if that has letters."""
    while (less := INNERMOST.sub("", text)) != text:
        text = less
    return text if any(map(str.isalpha, text)) else ""
