"""What sends to each kind of channel, a module each: `send` makes one attempt."""
