"""The mechanism of forms: fields, what was entered, errors beside fields, saving through the APIs."""
