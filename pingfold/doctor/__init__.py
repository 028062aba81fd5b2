"""What `pingfold doctor` examines. Every examination is bounded in time, changes nothing, and gives findings."""
