"""The library Apprise, in a process of its own that reaches no network: it says what to send, and Pingfold sends it."""
