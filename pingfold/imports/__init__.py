"""Moving in: what other monitors and crontabs hold, read into what Pingfold has. One module for each source.

The readers are pure: bytes or decoded values in, a `pingfold.imports.things.Found` out. They raise only
`pingfold.imports.things.NotReadable`, which says where and what to do. What a reader understands but cannot carry over
stands in the result with the reason: nothing is left out in silence.
"""
