"""Why a thing was as it was at some time: its events folded again, and what each of them did, told in words."""
