"""What people are told, in their languages: a catalogue each, a module that is named by its language."""
