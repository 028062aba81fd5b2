"""The commands of the command line, by what they are for. These modules import nothing that takes long."""
