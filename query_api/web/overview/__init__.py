"""The overview of everything, and changes of many things at once."""
