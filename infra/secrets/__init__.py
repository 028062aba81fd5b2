"""Keys, passwords and sealed values, and the files that hold them."""
