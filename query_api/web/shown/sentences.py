"""Words that came from elsewhere, such as the cause of a failure, as sentences of a page. Pure.

Such words may end with a full stop, or not. Whoever adds something after them takes `clause`, whoever ends with them
`sentence`, so that nothing reads `503., since` or `503..`.
"""

_ENDS = (".", "!", "?", "…")


def clause(words: str) -> str:
    """Words after which a sentence goes on: without their full stop. What was cut (`...`) stays so."""
    words = words.strip()
    return words if words.endswith("..") else words.removesuffix(".")


def sentence(words: str) -> str:
    """Words as a whole sentence: with a capital in front and an end."""
    words = words.strip()
    return f"{words[:1].upper()}{words[1:]}{'' if words.endswith(_ENDS) else '.'}"
