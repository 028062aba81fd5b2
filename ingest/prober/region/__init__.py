"""Whether the network of a prober's own region is out."""
