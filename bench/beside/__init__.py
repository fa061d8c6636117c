"""One script per peer: plays a flow file on that package alone, in an environment of its own, and prints its answer as JSON."""
