"""How long something took, as people say it. Pure."""


def duration_words(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`, `2 d 4 h`; rounded, but never to nothing."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole or not seconds else "1 s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, left = divmod(minutes, 60)
        return f"{hours} h {left} min" if left else f"{hours} h"
    days, hours = divmod(round(minutes / 60), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
